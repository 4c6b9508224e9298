"""Other people's files → a dataset file: from a folder, or one after the other as they arrive."""

from vd4rl_data.importing.conversion import Conversion as Conversion
from vd4rl_data.importing.folder import STAGES as STAGES
from vd4rl_data.importing.folder import Imported as Imported
from vd4rl_data.importing.folder import Progress as Progress
from vd4rl_data.importing.folder import import_folder as import_folder
from vd4rl_data.importing.folder import parts_folder as parts_folder
