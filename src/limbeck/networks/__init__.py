"""Students: one file, one network; a new one is a file here and a line in `NETWORKS`."""

from limbeck.networks.albert import Albert
from limbeck.networks.autoencoder import Autoencoder
from limbeck.networks.autoencoder1d import Autoencoder1d
from limbeck.networks.base import Network
from limbeck.networks.cnn_lstm import CnnLstm
from limbeck.networks.gru import Gru
from limbeck.networks.memory import Memory
from limbeck.networks.minifas import MiniFas
from limbeck.networks.mlp import Mlp
from limbeck.networks.multiscale import Multiscale
from limbeck.networks.ngram import Ngram
from limbeck.networks.pca import Pca
from limbeck.networks.resnet import ResNet18, ResNet50
from limbeck.networks.resnet1d import ResNet1d
from limbeck.networks.reverse import ReverseDistillation
from limbeck.networks.spectrum import SpectrumNet
from limbeck.networks.squeezenet import SqueezeNet
from limbeck.networks.student_teacher import StudentTeacher
from limbeck.networks.textcnn import TextCnn
from limbeck.networks.texture import Texture

NETWORKS: dict[str, type[Network]] = {
    "albert": Albert, "autoencoder": Autoencoder, "autoencoder1d": Autoencoder1d, "cnn-lstm": CnnLstm, "gru": Gru,
    "memory": Memory, "minifas": MiniFas, "mlp": Mlp, "multiscale": Multiscale, "ngram": Ngram, "pca": Pca,
    "resnet18": ResNet18, "resnet1d": ResNet1d, "resnet50": ResNet50, "reverse-distillation": ReverseDistillation,
    "spectrum": SpectrumNet, "squeezenet": SqueezeNet, "student-teacher": StudentTeacher, "textcnn": TextCnn,
    "texture": Texture,
}  # fmt: skip

__all__ = ["NETWORKS", "Network"]
