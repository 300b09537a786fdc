"""Which trainings and which runs of streams there are, and what is made of them."""


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


def stream_parts():
    """Every (split, domain) that a stream of the study goes through or is probed with."""
    return [part for stream in STREAMS for part in (*phases(stream), *probes(stream))]


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


def stream_plans():
    """The streams of the study; the contestants of each, twins too."""
    running = study.adaptation.running_in
    return {
        name: asdict(plan) | {"contestants": list(running(name))} for name, plan in STREAMS.items()
    }


def running_methods():
    """The methods of all streams."""
    return {name: None for stream in STREAMS for name in study.adaptation.running_in(stream)}


def running_variants():
    """The variants whose predictors the main stream runs, as plain values."""
    named = {method.model for method in study.adaptation.running_in("main").values()}
    return {name: asdict(one) for name, one in study.variants.items() if name in named}


def predictor_kinds():
    """What every predictor of the study is, trained or a formula."""
    named = (study.adaptation.methods[name].model for name in running_methods())
    return {name: settings.model_kind(study, name) for name in sorted({*named, *used_models()})}


def clip_norms():
    """The norm that the training of every predictor clips gradients to."""
    return {name: settings.training_settings(study, name).clip_norm for name in used_models()}


def trained_on_b():
    """The predictors that are trained on B alone."""
    trained = {name: settings.training_settings(study, name) for name in used_models()}
    return [name for name, training in trained.items() if training.domains == ("B",)]


def oracles():
    """The contestants whose predictors were trained on clips of B."""
    domains = {name: settings.training_settings(study, name).domains for name in used_models()}
    return [n for n, method in CONTESTANTS.items() if "B" in domains.get(method.model, ())]


def learning():
    """The methods of the main stream that learn on it; of variants there are too many."""
    methods = study.adaptation.running_in("main").items()
    return [name for name, m in methods if m.twin != name and m.model not in study.variants]


def main_phases():
    """The phases of the main stream, by position."""
    return list(settings.PHASES[: len(STREAMS["main"].domains)])


def analyses(table):
    """A table of the analysis of every run."""
    pattern = result(f"probing/{{method}}_seed{{seed}}/{table}.csv")
    return expand(pattern, method=learning(), seed=study.seeds)


def decoder_mb():
    """Memory to fit the decoder: its 2048 latents in float32, and work space."""
    patches = (study.camera.image_px // PATCH_PX) ** 2
    return 2000 + math.ceil(1.5 * 2048 * patches * 1024 * 4 / 1e6)


def latents_at_rest():
    """The most latents that a clip has before its push."""
    return (max(study.simulation.onset_frames) + 1) // TUBELET_FRAMES


def leakage_mb():
    """Memory to probe for leakage: one latent of all clips in float16, and work space."""
    patches = (study.camera.image_px // PATCH_PX) ** 2
    clips = clip_count("leakage", "A") + clip_count("leakage", "B")
    return 2000 + math.ceil(2.5 * clips * patches * 1024 * 2 / 1e6)


def with_twin(wildcards):
    """The settings of adaptation with the job's method and its frozen twin, and no other."""
    twin = study.adaptation.methods[wildcards.method].twin
    return methods_section(list(dict.fromkeys([twin, wildcards.method])))
