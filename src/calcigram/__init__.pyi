from .classify import classify as classify
from .clusters import ClusterSet as ClusterSet
from .consequences import load_rulebook as load_rulebook
from .crosscheck import crosscheck as crosscheck
from .detect import detect as detect
from .explain import explain as explain
from .features.catalogue import feature_catalogue as feature_catalogue
from .features.extract import extract_features as extract_features
from .formats import read_clusters as read_clusters
from .formats import write_clusters as write_clusters
from .mammogram import Mammogram as Mammogram
from .model.estimator import CalcigramClassifier as CalcigramClassifier
from .model.reader import load_model as load_model
from .model.train import train_model as train_model
from .page import explore as explore
from .plots import plot_cluster as plot_cluster
from .plots import plot_features as plot_features
from .plots import plot_gallery as plot_gallery
from .plots import plot_reading as plot_reading
from .report import write_report as write_report
from .simulate import simulate as simulate
from .validate import evaluate as evaluate

__version__: str
