"""Names of the sequences of DAVIS 2017 (Pont-Tuset et al., 2017), in its own order.

The Distracting Control Suite counts them: its easy level shows the first four for training, its
medium level the first eight, its hard level all.
"""

from __future__ import annotations

from typing import Final

_TRAIN = (
    "bear bmx-bumps boat boxing-fisheye breakdance-flare bus car-turn cat-girl classic-car"
    " color-run crossing dance-jump dancing disc-jockey dog-agility dog-gooses dogs-scale"
    " drift-turn drone elephant flamingo hike hockey horsejump-low kid-football kite-walk koala"
    " lady-running lindy-hop longboard lucia mallard-fly mallard-water miami-surf motocross-bumps"
    " motorbike night-race paragliding planes-water rallye rhino rollerblade schoolgirls"
    " scooter-board scooter-gray sheep skate-park snowboard soccerball stroller stunt surf swing"
    " tennis tractor-sand train tuk-tuk upside-down varanus-cage walking"
)
_HELD_OUT = (
    "bike-packing blackswan bmx-trees breakdance camel car-roundabout car-shadow cows dance-twirl"
    " dog dogs-jump drift-chicane drift-straight goat gold-fish horsejump-high india judo"
    " kite-surf lab-coat libby loading mbike-trick motocross-jump paragliding-launch parkour pigs"
    " scooter-black shooting soapbox"
)

DAVIS_TRAIN: Final = tuple(_TRAIN.split())
DAVIS_HELD_OUT: Final = tuple(_HELD_OUT.split())
"""The sequences of its validation set."""
