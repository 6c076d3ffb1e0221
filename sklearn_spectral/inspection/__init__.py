"""Pictures of fitted networks, by scikit-learn's Display convention.

Each class has ``from_estimator``, which reads what is drawn from a fitted estimator, and
``plot``, which draws it again. They need matplotlib. `member_diversity` has the numbers of
one of them alone.
"""

from ._adjacency import AdjacencyDisplay
from ._confidence import ConfidenceDisplay
from ._coverage import CoverageDisplay
from ._diversity import MemberDiversity, MemberDiversityDisplay, member_diversity
from ._intervals import IntervalDisplay
from ._novelty import NoveltyScores, novelty_scores
from ._pruning import PruningDisplay
from ._relevance import RelevanceDisplay
from ._spectrum import SpectrumDisplay
from ._training import TrainingCurveDisplay
from ._weights import WeightDistributionDisplay

__all__ = [
    "AdjacencyDisplay",
    "ConfidenceDisplay",
    "CoverageDisplay",
    "IntervalDisplay",
    "MemberDiversity",
    "MemberDiversityDisplay",
    "NoveltyScores",
    "PruningDisplay",
    "RelevanceDisplay",
    "SpectrumDisplay",
    "TrainingCurveDisplay",
    "WeightDistributionDisplay",
    "member_diversity",
    "novelty_scores",
]


def __dir__() -> list[str]:
    return sorted(__all__)
