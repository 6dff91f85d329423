"""What SciPy says of fixed series of differences: writes `vectors.json` beside this file.

    pip install scipy==1.17.1
    python3 vectors.py
"""

import json
import random
import warnings
from pathlib import Path

from scipy import stats


def rank(series, side):
    """Exact in both cases: by SciPy's own distribution without ties, over every assignment of signs with them."""
    values = [value for value in series if value != 0]
    if not values:
        return 1.0
    ties = len({abs(value) for value in values}) != len(values)
    method = stats.PermutationMethod(n_resamples=float("inf")) if ties else "exact"
    return float(stats.wilcoxon(values, alternative=side, method=method, zero_method="wilcox").pvalue)


def sign(series, side):
    values = [value for value in series if value != 0]
    if not values:
        return 1.0
    return float(stats.binomtest(sum(value > 0 for value in values), len(values), 0.5, alternative=side).pvalue)


def vector(name, series):
    interval = stats.quantile_test(series, q=0, p=0.5).confidence_interval(0.90)
    low, high = (None if bound != bound else int(bound) for bound in interval)
    return {
        "name": name,
        "differences": series,
        "sign_smaller": sign(series, "less"),
        "sign_larger": sign(series, "greater"),
        "rank_smaller": rank(series, "less"),
        "rank_larger": rank(series, "greater"),
        "median_low": low if high is not None else None,
        "median_high": high if low is not None else None,
    }


def main():
    warnings.simplefilter("ignore")
    draw = random.Random(20261122)
    vectors = []
    for count in (1, 2, 4, 5, 6, 8, 13, 20, 30, 31, 60, 120):
        for shift in (0, 400):
            noise = lambda: round(draw.lognormvariate(8, 1)) - round(draw.lognormvariate(8, 1)) + shift
            series = []
            while len(series) < count:
                value = noise()
                # Without zeros and ties, so that SciPy's exact distribution applies.
                if value != 0 and abs(value) not in map(abs, series):
                    series.append(value)
            vectors.append(vector(f"{count} differences around {shift}", series))
    for count in (3, 7, 12, 16):
        series = [draw.randint(-3, 4) for _ in range(count)]
        vectors.append(vector(f"{count} small numbers with ties and zeros", series))
    text = ",\n".join(json.dumps(each) for each in vectors)
    (Path(__file__).parent / "vectors.json").write_text(f"[\n{text}\n]\n")


main()
