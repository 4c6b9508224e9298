"""The authors' own files, fetched on first use and converted as they arrive."""

from vd4rl_data.download.acquire.acquire import acquire_dataset as acquire_dataset
from vd4rl_data.download.acquire.preview import DownloadPreview as DownloadPreview
from vd4rl_data.download.acquire.preview import plan_download as plan_download
from vd4rl_data.download.acquire.settings import ENDPOINTS as ENDPOINTS
from vd4rl_data.download.acquire.settings import Settings as Settings
