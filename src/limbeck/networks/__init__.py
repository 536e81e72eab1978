"""Students: one file, one network; a new one is a file here and a line in `NETWORKS`."""

from limbeck.networks.albert import Albert
from limbeck.networks.base import Network
from limbeck.networks.cnn_lstm import CnnLstm
from limbeck.networks.gru import Gru
from limbeck.networks.minifas import MiniFas
from limbeck.networks.mlp import Mlp
from limbeck.networks.multiscale import Multiscale
from limbeck.networks.ngram import Ngram
from limbeck.networks.resnet import ResNet18, ResNet50
from limbeck.networks.resnet1d import ResNet1d
from limbeck.networks.spectrum import SpectrumNet
from limbeck.networks.squeezenet import SqueezeNet
from limbeck.networks.textcnn import TextCnn

NETWORKS: dict[str, type[Network]] = {
    "albert": Albert, "cnn-lstm": CnnLstm, "gru": Gru, "minifas": MiniFas, "mlp": Mlp, "multiscale": Multiscale,
    "ngram": Ngram, "resnet18": ResNet18, "resnet1d": ResNet1d, "resnet50": ResNet50, "spectrum": SpectrumNet,
    "squeezenet": SqueezeNet, "textcnn": TextCnn,
}  # fmt: skip

__all__ = ["NETWORKS", "Network"]
