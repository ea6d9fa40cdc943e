from .catalogue import feature_catalogue as feature_catalogue
from .extract import Features as Features
from .extract import extract_features as extract_features
from .transformer import ClusterFeatures as ClusterFeatures
