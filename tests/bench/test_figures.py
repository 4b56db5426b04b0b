import pytest

from bench.figures import Round, cpu_ratio, percentile, summary


def measured(seconds: float, latencies_ms: list[float], **cpu_ms: float) -> Round:
    return Round(requests=10, seconds=seconds, latencies_ms=latencies_ms, cpu_ms=cpu_ms)


class TestPercentile:
    @pytest.mark.parametrize(
        ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (95, 95), (99, 99), (100, 100)]
    )
    def test_is_the_value_that_so_many_do_not_exceed(self, percent: float, expected: int) -> None:
        values = [float(value) for value in range(100, 0, -1)]

        assert percentile(values, percent) == expected

    def test_of_few_values_is_one_of_them(self) -> None:
        assert percentile([3.0, 1.0, 2.0], 50) == 2.0
        assert percentile([3.0, 1.0, 2.0], 95) == 3.0
        assert percentile([7.0], 99) == 7.0

    def test_refuses_no_values(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            percentile([], 50)


class TestSummary:
    def test_takes_medians_over_rounds_and_percentiles_over_all_answers(self) -> None:
        figures = summary(
            [
                measured(1.0, [1.0, 2.0], web=5.0, postgres=1.0),
                measured(2.0, [3.0, 4.0], web=50.0, postgres=2.0),
                measured(4.0, [5.0, 6.0], web=6.0, postgres=9.0),
            ]
        )

        assert figures.per_second == 5.0
        assert (figures.p50_ms, figures.p95_ms, figures.p99_ms) == (3.0, 6.0, 6.0)
        assert figures.cpu_ms == {"web": 6.0, "postgres": 2.0}
        assert figures.total_cpu_ms == 8.0

    def test_without_answers_has_no_percentiles(self) -> None:
        figures = summary([measured(2.0, [], worker=1.0)])

        assert (figures.p50_ms, figures.p95_ms, figures.p99_ms) == (None, None, None)
        assert figures.per_second == 5.0


class TestCpuRatio:
    def test_is_the_median_over_rounds_that_shared_their_noise(self) -> None:
        subject = [measured(1, [], web=w, postgres=2.0) for w in (8.0, 18.0, 10.0)]
        reference = [measured(1, [], web=w, postgres=1.0) for w in (4.0, 9.0, 1.0)]

        assert cpu_ratio(subject, reference) == 2.0

    def test_refuses_rounds_that_have_no_partner(self) -> None:
        with pytest.raises(ValueError, match="shorter"):
            cpu_ratio([measured(1, [], web=1.0)] * 2, [measured(1, [], web=1.0)])
