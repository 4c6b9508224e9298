"""Episodes ⇄ dataset file, version 1 (``docs/format.md``). Only this package knows our bytes."""

from vd4rl_data.storage.convert import pack as pack
from vd4rl_data.storage.convert import unpack as unpack
from vd4rl_data.storage.format import FORMAT_VERSION as FORMAT_VERSION
from vd4rl_data.storage.manifest import Manifest as Manifest
from vd4rl_data.storage.manifest import Provenance as Provenance
from vd4rl_data.storage.parts import PartStore as PartStore
from vd4rl_data.storage.reader import StoredDataset as StoredDataset
from vd4rl_data.storage.reader import open_dataset as open_dataset
from vd4rl_data.storage.verify import VerifyReport as VerifyReport
from vd4rl_data.storage.verify import verify_dataset as verify_dataset
from vd4rl_data.storage.writer import write_dataset as write_dataset
