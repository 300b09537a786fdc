"""Which trainings and which runs of streams there are."""


def model_of(wildcards):
    """The predictor of a method."""
    return study.adaptation.methods[wildcards.method].model


def trained_weights(wildcards):
    """The predictor that a run of the stream starts from."""
    return result(f"training/{model_of(wildcards)}_seed{wildcards.seed}/weights.safetensors")


def stream_clips(wildcards):
    """The features and tables of a stream's phases, by position, and of its probes, by domain."""
    parts = {f"phase{i}": part for i, part in enumerate(phases(wildcards.stream))}
    parts |= {f"probe_{domain}": (s, domain) for s, domain in probes(wildcards.stream)}
    kinds = {"features": features, "tables": tables}
    return {
        f"{name}_{kind}": of(part) for name, part in parts.items() for kind, of in kinds.items()
    }


def tuned_rates(wildcards):
    """The file with the rate that a method takes; none where its settings give it."""
    is_tuned = study.adaptation.tuned_as(wildcards.method)
    return [result("tables/tuned_rates.json")] if is_tuned else []


def tuned_as(wildcards):
    """The method whose sweep gives the rate of the job's; '' where none does."""
    return study.adaptation.tuned_as(wildcards.method)


def used_models():
    """The trained predictors of all contestants, and those that they are matched with."""
    return settings.running_models(study)


def trainings(pattern):
    """A path of every training that a contestant uses; holds {model} and {seed}."""
    return expand(result(pattern), model=used_models(), seed=study.seeds)


def runs(pattern, streams=STREAMS):
    """A path of every job of the streams; holds {stream}, {method} and {seed}."""
    return [
        result(pattern.format(stream=stream, method=method, seed=seed))
        for stream in streams
        for method in study.adaptation.running_in(stream)
        for seed in study.seeds
    ]


def tuning_runs(pattern):
    """A path of every run on the tuning stream; holds {method}, {rate} and {seed}."""
    return [
        result(pattern.format(method=method, rate=f"{rate:g}", seed=seed))
        for method, rates in study.adaptation.tuning.items()
        for rate in rates
        for seed in study.adaptation.tuning_seeds
    ]
