from device_runtime.reader import Place as Place
from device_runtime.reader import Plate as Plate
from device_runtime.reader import Reader as Reader

__version__: str
