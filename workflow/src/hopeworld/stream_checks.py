"""What must hold between methods, streams, rates and the verdict; each check raises one line.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping

from hopeworld.settings import (
    Adaptation,
    ClosedForm,
    Hope,
    Method,
    StreamPlan,
    Study,
    model_names,
    model_settings,
    phase_clips,
)
from hopeworld.strict import SettingsError, one_of

# A rate stands in a path as `:g` writes it; from here on with a plus.
HIGHEST_RATE = 1e6


def check_methods(study: Study) -> None:
    methods = study.adaptation.methods
    for name, method in methods.items():
        where = f"adaptation.methods.{name}"
        if method.model not in model_names(study):
            remedy = one_of(method.model, model_names(study))
            raise SettingsError(f"{where}.model", method.model, "no such predictor", remedy)
    for name, method in methods.items():
        where = f"adaptation.methods.{name}"
        _check_learning(study, method, where)
        _check_twin(methods, method, where)


def _check_learning(study: Study, method: Method, where: str) -> None:
    """A method learns only what its predictor can."""
    model, rate = model_settings(study, method.model), method.look_back_rate
    if method.adapt == "none" and method.learning_rate != 0:
        key = f"{where}.learning_rate"
        raise SettingsError(key, method.learning_rate, "nothing adapts", "set it to 0")
    if not isinstance(model, Hope) and rate:
        remedy = "set look_back_rate: 0, or name a predictor with a memory"
        key, problem = f"{where}.look_back_rate", f"{method.model} has no memory"
        raise SettingsError(key, rate, problem, remedy)
    if not isinstance(model, Hope) and method.adapt == "none" and method.reset != "never":
        raise SettingsError(f"{where}.reset", method.reset, "nothing to drop", "set it to never")
    if isinstance(model, ClosedForm) and method.adapt != "none":
        remedy = "set adapt: none and learning_rate: 0"
        raise SettingsError(f"{where}.adapt", method.adapt, "is a formula", remedy)
    if isinstance(model, Hope) and rate and model.cms_loss != "look_back":
        problem = f"nothing looks back with the cms_loss {model.cms_loss} of {method.model}"
        remedy = "set it to 0, or name a predictor with cms_loss: look_back"
        raise SettingsError(f"{where}.look_back_rate", rate, problem, remedy)


def _check_twin(methods: Mapping[str, Method], method: Method, where: str) -> None:
    twin = methods.get(method.twin)
    if twin is None or twin.model != method.model:
        remedy = f"name a method of model {method.model}"
        raise SettingsError(f"{where}.twin", method.twin, "no such twin", remedy)
    if twin.adapt != "none" or twin.look_back_rate:
        remedy = "name a method with adapt: none and look_back_rate: 0"
        raise SettingsError(f"{where}.twin", method.twin, "is not frozen", remedy)


def check_contestants(adaptation: Adaptation) -> None:
    where, names = "adaptation.contestants", adaptation.contestants
    if not names or len(set(names)) != len(names):
        remedy = "list at least one method, each once"
        raise SettingsError(where, list(names), "empty or repeated", remedy)
    for name in names:
        if name not in adaptation.methods:
            remedy = one_of(name, adaptation.methods, "adaptation.methods")
            raise SettingsError(where, name, "no such method", remedy)


def check_streams(study: Study) -> None:
    adaptation = study.adaptation
    _check_stream_names(study)
    if "main" not in adaptation.runs or len(set(adaptation.runs)) != len(adaptation.runs):
        remedy = "list main and others, each once"
        raise SettingsError("adaptation.runs", list(adaptation.runs), "no stream main", remedy)
    for name in adaptation.runs:
        if name not in adaptation.streams:
            remedy = one_of(name, adaptation.streams, "adaptation.streams")
            raise SettingsError("adaptation.runs", name, "no such stream", remedy)
        _check_phases(study, name, adaptation.streams[name])
        for one in adaptation.streams[name].contestants:
            if one not in adaptation.running:
                remedy = f"{one_of(one, adaptation.running)}: they run in this study"
                key = f"adaptation.streams.{name}.contestants"
                raise SettingsError(key, one, "does not run", remedy)


def _check_stream_names(study: Study) -> None:
    """What a stream names is there, whether or not the stream runs."""
    domains, methods = ("A", "B", *study.simulation.severities), study.adaptation.methods
    for name, plan in study.adaptation.streams.items():
        where = f"adaptation.streams.{name}"
        for domain in plan.domains:
            if domain not in domains:
                remedy = one_of(domain, domains)
                raise SettingsError(f"{where}.domains", domain, "no such domain", remedy)
        for one in plan.contestants:
            if one not in methods:
                remedy = one_of(one, methods, "adaptation.methods")
                raise SettingsError(f"{where}.contestants", one, "no such method", remedy)
        if len(set(plan.contestants)) != len(plan.contestants):
            found, remedy = list(plan.contestants), "list each method once"
            raise SettingsError(f"{where}.contestants", found, "repeated", remedy)


def _check_phases(study: Study, name: str, plan: StreamPlan) -> None:
    where, domains = f"adaptation.streams.{name}", list(plan.domains)
    is_return = domains[:1] == domains[2:3] == ["A"] and domains[3:] in ([], domains[1:2])
    if not is_return or (name == "main" and domains[1] == "A"):
        remedy = "write [A, B, A] or [A, B, A, B], or with another domain in place of B"
        raise SettingsError(f"{where}.domains", domains, "does not come back to A", remedy)
    if len(plan.clips) != len(domains):
        remedy = f"give {len(domains)} numbers, one for each phase"
        raise SettingsError(f"{where}.clips", list(plan.clips), "not one per phase", remedy)
    for phase, (domain, clips) in enumerate(zip(domains, plan.clips, strict=True), start=1):
        held, episode = (
            phase_clips(study, f"stream_{phase}", domain),
            study.simulation.episode_clips,
        )
        if clips > held:
            side = "a" if domain == "A" else "b"
            remedy = f"use at most {held}, what splits.stream_{phase}.{side} has"
            raise SettingsError(f"{where}.clips", clips, "longer than its clips", remedy)
        if clips % episode:
            remedy = f"use a multiple of simulation.episode_clips = {episode}"
            raise SettingsError(f"{where}.clips", clips, "cuts an episode", remedy)


def check_tuning(study: Study) -> None:
    adaptation, splits = study.adaptation, study.splits
    for split, domain in (("tuning_1", "a"), ("tuning_2", "b"), ("tuning_3", "a")):
        if any(adaptation.tuning.values()) and getattr(splits[split], domain) == 0:
            remedy = "give clips: adaptation.tuning compares rates on them"
            raise SettingsError(f"splits.{split}.{domain}", 0, "empty", remedy)
    for name, rates in adaptation.tuning.items():
        _check_rates(adaptation, name, list(rates))
    if adaptation.rates == "tuned" and not any(adaptation.tuning.values()):
        remedy = "give rates in adaptation.tuning, or set it to given"
        raise SettingsError("adaptation.rates", "tuned", "nothing is compared", remedy)
    budgets = {name: len(rates) for name, rates in adaptation.tuning.items() if rates}
    if len(set(budgets.values())) > 1:
        remedy = "compare as many rates of each: every method has the same budget"
        raise SettingsError("adaptation.tuning", budgets, "numbers of rates differ", remedy)
    strangers = set(adaptation.tuning_seeds) - set(study.seeds)
    found = list(adaptation.tuning_seeds)
    if strangers or (budgets and not found) or len(set(found)) != len(found):
        remedy = f"use some of seeds = {list(study.seeds)}, each once"
        raise SettingsError("adaptation.tuning_seeds", found, "not trained or repeated", remedy)


def _check_rates(adaptation: Adaptation, name: str, rates: list[float]) -> None:
    """Rates of a method that learns online; folders are named after them."""
    where = f"adaptation.tuning.{name}"
    if name not in adaptation.methods:
        remedy = one_of(name, adaptation.methods, "adaptation.methods")
        raise SettingsError(where, rates, "no such method", remedy)
    if rates and adaptation.methods[name].rate == 0:
        remedy = "compare rates of a method that learns online, or write []"
        raise SettingsError(where, rates, "nothing to tune", remedy)
    for rate in rates:
        if not 0 < rate < HIGHEST_RATE:
            remedy = f"give more than 0 and less than {HIGHEST_RATE:g}"
            raise SettingsError(where, rate, "out of range", remedy)
    if len({f"{rate:g}" for rate in rates}) != len(rates):
        remedy = "give each rate once, different in the first six digits"
        raise SettingsError(where, rates, "repeated", remedy)


def check_verdict(study: Study) -> None:
    verdict, adaptation = study.verdict, study.adaptation
    if not verdict.rule.superior:
        remedy = "name at least one of adaptation, stability, overall"
        raise SettingsError("verdict.rule.superior", [], "nothing to win", remedy)
    for name in ("candidate", "baseline"):
        method = getattr(verdict, name)
        if method not in adaptation.methods:
            remedy = one_of(method, adaptation.methods, "adaptation.methods")
            raise SettingsError(f"verdict.{name}", method, "no such method", remedy)
    if not verdict.enabled:
        return
    for name in ("candidate", "baseline"):
        method = getattr(verdict, name)
        if method not in adaptation.contestants:
            remedy = one_of(method, adaptation.contestants, "adaptation.contestants")
            raise SettingsError(f"verdict.{name}", method, "does not run", remedy)
    if verdict.candidate == verdict.baseline:
        remedy = "name another method than verdict.candidate"
        raise SettingsError("verdict.baseline", verdict.baseline, "is the candidate", remedy)
    for name in ("seeds", "orders"):
        held, needed = len(getattr(study, name)), getattr(verdict, name)
        if held < needed:
            problem = f"the study has {held}"
            remedy = f"add {name}, or set verdict.enabled: false for no verdict"
            raise SettingsError(f"verdict.{name}", needed, problem, remedy)
    if "placebo" not in adaptation.runs:
        remedy = "add placebo: its runs set the margins"
        raise SettingsError("adaptation.runs", list(adaptation.runs), "no placebo stream", remedy)
    placebo = adaptation.streams["placebo"].domains
    if set(placebo) != {"A"}:
        key, remedy = "adaptation.streams.placebo.domains", "write A in every phase"
        raise SettingsError(key, list(placebo), "a placebo with a change", remedy)
    absent = {verdict.candidate, verdict.baseline} - set(adaptation.running_in("placebo"))
    if absent:
        key, remedy = "adaptation.streams.placebo.contestants", "add it, or list [] for all"
        raise SettingsError(key, sorted(absent)[0], "does not run", remedy)
