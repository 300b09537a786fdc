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
from hopeworld.strict import SettingsError, listed


def check_methods(study: Study) -> None:
    methods = study.adaptation.methods
    for name, method in methods.items():
        where = f"adaptation.methods.{name}"
        if not str(name).isidentifier():
            remedy = "use letters, digits and _ only: it names a folder"
            raise SettingsError("adaptation.methods", name, "not a name", remedy)
        if method.model not in model_names(study):
            remedy = f"use one of {listed(model_names(study))}"
            raise SettingsError(f"{where}.model", method.model, "no such predictor", remedy)
        _check_learning(study, method, where)
        _check_twin(methods, method, where)


def _check_learning(study: Study, method: Method, where: str) -> None:
    """A method learns only what its predictor can."""
    model, rate = model_settings(study, method.model), method.look_back_rate
    if method.adapt == "none" and method.learning_rate != 0:
        key = f"{where}.learning_rate"
        raise SettingsError(key, method.learning_rate, "nothing adapts", "set it to 0")
    if not isinstance(model, Hope) and rate:
        remedy = "set look_back_rate: 0"
        raise SettingsError(where, method.model, "has no memory", remedy)
    if not isinstance(model, Hope) and method.adapt == "none" and method.reset != "never":
        raise SettingsError(f"{where}.reset", method.reset, "nothing to drop", "set it to never")
    if isinstance(model, ClosedForm) and method.adapt != "none":
        remedy = "set adapt: none and learning_rate: 0"
        raise SettingsError(f"{where}.adapt", method.adapt, "is a formula", remedy)
    if isinstance(model, Hope) and rate and model.cms_loss != "look_back":
        problem = f"{method.model} has cms_loss: {model.cms_loss}, so nothing looks back"
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
            remedy = f"use names of adaptation.methods: {listed(adaptation.methods)}"
            raise SettingsError(where, name, "no such method", remedy)


def check_streams(study: Study) -> None:
    adaptation = study.adaptation
    if "main" not in adaptation.runs or len(set(adaptation.runs)) != len(adaptation.runs):
        remedy = "list main and others, each once"
        raise SettingsError("adaptation.runs", list(adaptation.runs), "no stream main", remedy)
    for name in adaptation.runs:
        if name not in adaptation.streams:
            remedy = f"use names of adaptation.streams: {listed(adaptation.streams)}"
            raise SettingsError("adaptation.runs", name, "no such stream", remedy)
        _check_phases(study, name, adaptation.streams[name])
        for one in adaptation.streams[name].contestants:
            if one not in adaptation.running:
                remedy = f"use names that run: {listed(adaptation.running)}"
                key = f"adaptation.streams.{name}.contestants"
                raise SettingsError(key, one, "no such contestant", remedy)


def _check_phases(study: Study, name: str, plan: StreamPlan) -> None:
    where, domains = f"adaptation.streams.{name}", list(plan.domains)
    known = ("A", "B", *study.simulation.severities)
    if not str(name).isidentifier():
        remedy = "use letters, digits and _ only: it names a folder"
        raise SettingsError("adaptation.streams", name, "not a name", remedy)
    for domain in domains:
        if domain not in known:
            remedy = f"use {listed(known)}"
            raise SettingsError(f"{where}.domains", domain, "no such domain", remedy)
    is_return = domains[:1] == domains[2:3] == ["A"] and domains[3:] in ([], domains[1:2])
    if not is_return or (name == "main" and domains[1] == "A"):
        remedy = "write [A, B, A] or [A, B, A, B], or with another domain in place of B"
        raise SettingsError(f"{where}.domains", domains, "does not come back to A", remedy)
    if len(plan.clips) != len(domains):
        raise SettingsError(f"{where}.clips", list(plan.clips), "not one per phase", "count them")
    for phase, (domain, clips) in enumerate(zip(domains, plan.clips, strict=True), start=1):
        held, episode = (
            phase_clips(study, f"stream_{phase}", domain),
            study.simulation.episode_clips,
        )
        if clips > held:
            side = "a" if domain == "A" else "b"
            remedy = f"splits.stream_{phase}.{side} has {held}"
            raise SettingsError(f"{where}.clips", clips, "longer than its clips", remedy)
        if clips % episode:
            remedy = f"use a multiple of simulation.episode_clips = {episode}"
            raise SettingsError(f"{where}.clips", clips, "cuts an episode", remedy)


def check_tuning(study: Study) -> None:
    adaptation, splits = study.adaptation, study.splits
    for split, domain in (("tuning_1", "a"), ("tuning_2", "b"), ("tuning_3", "a")):
        if any(adaptation.tuning.values()) and getattr(splits[split], domain) == 0:
            remedy = "adaptation.tuning compares rates on these clips"
            raise SettingsError(f"splits.{split}.{domain}", 0, "empty", remedy)
    for name, rates in adaptation.tuning.items():
        where = f"adaptation.tuning.{name}"
        if name not in adaptation.methods:
            remedy = f"use a name of adaptation.methods: {listed(adaptation.methods)}"
            raise SettingsError(where, list(rates), "no such method", remedy)
        if rates and (adaptation.methods[name].rate == 0 or min(rates) <= 0):
            remedy = "give positive rates of a method that learns online"
            raise SettingsError(where, list(rates), "nothing to tune", remedy)
    budgets = {name: len(rates) for name, rates in adaptation.tuning.items() if rates}
    if len(set(budgets.values())) > 1:
        remedy = "every method has the same budget: compare as many rates of each"
        raise SettingsError("adaptation.tuning", budgets, "numbers of rates differ", remedy)
    strangers = set(adaptation.tuning_seeds) - set(study.seeds)
    if strangers or (budgets and not adaptation.tuning_seeds):
        remedy = f"use some of seeds = {list(study.seeds)}"
        found = list(adaptation.tuning_seeds)
        raise SettingsError("adaptation.tuning_seeds", found, "not trained", remedy)


def check_verdict(study: Study) -> None:
    verdict, adaptation = study.verdict, study.adaptation
    if not verdict.rule.superior:
        remedy = "name at least one of adaptation, stability, overall"
        raise SettingsError("verdict.rule.superior", [], "nothing to win", remedy)
    if not verdict.enabled:
        return
    for name in ("candidate", "baseline"):
        method = getattr(verdict, name)
        if method not in adaptation.contestants:
            remedy = f"use one of adaptation.contestants: {listed(adaptation.contestants)}"
            raise SettingsError(f"verdict.{name}", method, "does not run", remedy)
    for name in ("seeds", "orders"):
        held, needed = len(getattr(study, name)), getattr(verdict, name)
        if held < needed:
            problem = f"the study has {held}"
            remedy = f"add {name}, or set verdict.enabled: false for no verdict"
            raise SettingsError(f"verdict.{name}", needed, problem, remedy)
    if "placebo" not in adaptation.runs:
        remedy = "add placebo: its runs set the margins"
        raise SettingsError("adaptation.runs", list(adaptation.runs), "no placebo stream", remedy)
    absent = {verdict.candidate, verdict.baseline} - set(adaptation.running_in("placebo"))
    if absent:
        key, remedy = "adaptation.streams.placebo.contestants", "add it, or list [] for all"
        raise SettingsError(key, sorted(absent)[0], "does not run", remedy)
