"""Students: one file, one network; a new one is a file here and a line in `NETWORKS`."""

from limbeck.networks.anomaly.autoencoder import Autoencoder
from limbeck.networks.anomaly.autoencoder1d import Autoencoder1d
from limbeck.networks.anomaly.outliers import Outliers
from limbeck.networks.anomaly.patchcore import Memory
from limbeck.networks.anomaly.pca import Pca
from limbeck.networks.anomaly.reverse_distillation import ReverseDistillation
from limbeck.networks.anomaly.student_teacher import StudentTeacher
from limbeck.networks.base import Network
from limbeck.networks.blend import Blend
from limbeck.networks.detect.centre_map import CentreMap
from limbeck.networks.image.descriptors import Descriptors
from limbeck.networks.image.minifasnet import MiniFas
from limbeck.networks.image.multiscale import Multiscale
from limbeck.networks.image.resnet import ResNet18, ResNet50
from limbeck.networks.image.spectrum import SpectrumNet
from limbeck.networks.image.squeezenet import SqueezeNet
from limbeck.networks.image.texture import Texture
from limbeck.networks.signal.cnn_lstm import CnnLstm
from limbeck.networks.signal.minirocket import MiniRocket
from limbeck.networks.signal.nearest_series import NearestSeries
from limbeck.networks.signal.resnet1d import ResNet1d
from limbeck.networks.table.linear import Linear
from limbeck.networks.table.mlp import Mlp
from limbeck.networks.table.trees import Trees
from limbeck.networks.text.albert import Albert
from limbeck.networks.text.gru import Gru
from limbeck.networks.text.ngram import Ngram
from limbeck.networks.text.textcnn import TextCnn

NETWORKS: dict[str, type[Network]] = {
    "albert": Albert, "autoencoder": Autoencoder, "autoencoder1d": Autoencoder1d, "blend": Blend,
    "centre-map": CentreMap, "cnn-lstm": CnnLstm, "descriptors": Descriptors, "gru": Gru,
    "linear": Linear, "memory": Memory, "minifas": MiniFas,
    "minirocket": MiniRocket, "mlp": Mlp,
    "multiscale": Multiscale, "nearest": NearestSeries, "ngram": Ngram, "outliers": Outliers, "pca": Pca,
    "resnet18": ResNet18, "resnet1d": ResNet1d, "resnet50": ResNet50, "reverse-distillation": ReverseDistillation,
    "spectrum": SpectrumNet, "squeezenet": SqueezeNet, "student-teacher": StudentTeacher, "textcnn": TextCnn,
    "texture": Texture, "trees": Trees,
}  # fmt: skip

__all__ = ["NETWORKS", "Network"]
