"""Pictures of a dataset: a contact sheet, the return histogram, an animated episode, and looks and
bodies side by side.

They are drawn with Pillow alone, so a preview needs no further packages.
"""

from vd4rl_data.preview.animation import animate as animate
from vd4rl_data.preview.histogram import return_histogram as return_histogram
from vd4rl_data.preview.sheet import contact_sheet as contact_sheet
from vd4rl_data.preview.side_by_side import Shown as Shown
from vd4rl_data.preview.side_by_side import side_by_side as side_by_side
