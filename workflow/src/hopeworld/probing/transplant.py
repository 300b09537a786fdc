"""Which part of what was learnt carries which domain: losses after giving parts to the trained.

    L(state c, part p, domain X) = sum of object losses / object patches,  over held-out clips of X

Every clip starts from the same knowledge: part p as it was at the end of phase c, the rest as
trained. The writes inside the clip are on, as in the probes of the stream; TTA and CMS updates off.
If state c holds domain knowledge, its losses differ between domains from those of `start`: that a
state is there at all would help, or harm, both alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from hopeworld.adaptation.learner import Learner
from hopeworld.adaptation.probes import Probes
from hopeworld.probing.knowledge import Knowledge, give, parts_of
from hopeworld.progress import Progress

START = "start"
REGION = "object"


def transplants(learner: Learner, learnt: Mapping[str, Knowledge], probes: Probes) -> list[dict]:
    """Rows state, part, domain, loss, persistence (object patches; persistence copies z_t).

    learner: left as trained.   learnt: what was known at the end of each phase.
    """
    rows, known = [], {}
    parts = parts_of(next(iter(learnt.values()), {}))
    progress = Progress("transplants", len(parts) * (1 + len(learnt)), "states")
    for state, knowledge in {START: {}, **learnt}.items():
        for part, stands_for in parts.items():
            given = () if state == START else stands_for
            if (state, given) not in known:
                give(knowledge, given, learner)
                known[state, given] = probes.score(learner, partial(progress.count, 0))[0]
            progress.count()
            for domain, regions in known[state, given].items():
                loss, persistence = (float(mean) for mean in regions[REGION])
                row = {"state": state, "part": part, "domain": domain}
                rows.append(row | {"loss": loss, "persistence": persistence})
    learner.reset()
    return rows
