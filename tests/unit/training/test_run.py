"""The best weights of a run."""

import torch
from tests.tiny_training import TinyPredictor, tiny_training

from hopeworld.training.optimiser import build_optimiser
from hopeworld.training.run import Run


def test_best_is_the_first_lowest_and_a_copy():
    predictor = TinyPredictor(0)
    run = Run(predictor, build_optimiser(predictor, tiny_training()), torch.device("cpu"))
    for step, loss in enumerate([0.5, 0.3, 0.4, 0.3]):
        run.step = step
        with torch.no_grad():
            predictor.carry.fill_(step)
        run.keep_if_best({("loss", "all"): loss}, None)
    assert run.best.step == 1
    assert run.best.scores == {("loss", "all"): 0.3}
    assert (run.best.weights["carry"] == 1).all()


def test_a_matched_run_keeps_the_weights_nearest_to_its_target():
    predictor = TinyPredictor(0)
    run = Run(predictor, build_optimiser(predictor, tiny_training()), torch.device("cpu"))
    for step, skill in enumerate([0.1, 0.28, 0.35]):
        run.step = step
        run.keep_if_best({("loss", "all"): 0.0, ("skill", "object"): skill}, 0.3)
    assert run.best.step == 1
