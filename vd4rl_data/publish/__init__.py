"""Dataset files → a repository of your own on the hub: prepare a folder, look at it, upload it."""

from vd4rl_data.download.client import Patience as Patience
from vd4rl_data.publish.hub import Hub as Hub
from vd4rl_data.publish.model import CommitInfo as CommitInfo
from vd4rl_data.publish.model import PreparedDataset as PreparedDataset
from vd4rl_data.publish.model import PreparedFile as PreparedFile
from vd4rl_data.publish.model import PreparedRepository as PreparedRepository
from vd4rl_data.publish.model import Publication as Publication
from vd4rl_data.publish.prepare import prepare as prepare
from vd4rl_data.publish.publication import find_datasets as find_datasets
from vd4rl_data.publish.publication import publish as publish
from vd4rl_data.publish.upload import upload as upload
