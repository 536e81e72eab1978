"""Students: one file, one network; a new one is a file here and a line in `NETWORKS`."""

from limbeck.networks.albert import Albert
from limbeck.networks.base import Network
from limbeck.networks.gru import Gru
from limbeck.networks.mlp import Mlp
from limbeck.networks.ngram import Ngram
from limbeck.networks.textcnn import TextCnn

NETWORKS: dict[str, type[Network]] = {"albert": Albert, "gru": Gru, "mlp": Mlp, "ngram": Ngram, "textcnn": TextCnn}

__all__ = ["NETWORKS", "Network"]
