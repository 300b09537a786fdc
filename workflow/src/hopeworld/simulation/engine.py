"""The only file that knows PyBullet: a scenario and a domain to a trajectory.

What had to be right, each measured: no damping (the defaults cost 3-8 % of the distance); cone
friction, PyBullet's own default; the force again at every step, because a step clears it; the time
step set for every clip, because resetSimulation keeps it; a large rotational inertia, set after the
mass, because Bullet's contact friction otherwise depends on the orientation of the object.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np
import pybullet

from hopeworld.settings import Domain, SettingsError, Simulation
from hopeworld.simulation.scenario import Look, Scenario
from hopeworld.simulation.trajectory import GRAVITY, Trajectory

SLIPPERY = {"rollingFriction": 0.0, "spinningFriction": 0.0, "restitution": 0.0}


@contextlib.contextmanager
def connected() -> Iterator[int]:
    """Yield one physics client without a window; reuse it for all clips of a process."""
    client = pybullet.connect(pybullet.DIRECT)
    try:
        yield client
    finally:
        pybullet.disconnect(client)


def version() -> str:
    """PyBullet's interface version."""
    return str(pybullet.getAPIVersion())


def simulate(scenario: Scenario, domain: Domain, simulation: Simulation, client: int) -> Trajectory:
    """Simulate one clip from rest; raise SettingsError where the states are not finite."""
    friction, mass = scenario.friction * domain.friction_scale, scenario.mass * domain.mass_scale
    _reset_world(simulation, client)
    body = _place_object(scenario, mass, client)
    _set_contact(body, friction, simulation.inertia_scale, client)
    force = np.zeros((simulation.frame_count, 2))
    force[scenario.push.onset] = scenario.push.force_n
    states = _run(body, force, simulation.step_hz // simulation.frame_hz, client)
    if not np.isfinite(states).all():
        where = f"the physics of clip {scenario.index} of {scenario.split} diverged"
        remedy = "raise it, or lower simulation.inertia_scale"
        raise SettingsError("simulation.step_hz", simulation.step_hz, where, remedy)
    position, quaternion, velocity, spin = np.split(states, (3, 7, 10), axis=1)
    return Trajectory(position, quaternion, velocity, spin, force, friction, mass)


def _reset_world(simulation: Simulation, client: int) -> None:
    pybullet.resetSimulation(physicsClientId=client)
    pybullet.setPhysicsEngineParameter(
        fixedTimeStep=1.0 / simulation.step_hz,
        enableConeFriction=1,
        deterministicOverlappingPairs=1,
        physicsClientId=client,
    )
    pybullet.setGravity(0, 0, -GRAVITY, physicsClientId=client)
    plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=client)
    ground = pybullet.createMultiBody(0, plane, physicsClientId=client)
    # Bullet multiplies the two coefficients: with 1 here, the object's own is the one that acts.
    pybullet.changeDynamics(ground, -1, lateralFriction=1.0, physicsClientId=client, **SLIPPERY)


def _place_object(scenario: Scenario, mass: float, client: int) -> int:
    shape = _create_shape(scenario.look, client)
    position = (*scenario.push.start, scenario.look.half_extents[2])
    turn = (0.0, 0.0, math.sin(scenario.push.yaw_rad / 2), math.cos(scenario.push.yaw_rad / 2))
    return pybullet.createMultiBody(mass, shape, -1, position, turn, physicsClientId=client)


def _create_shape(look: Look, client: int) -> int:
    width, _, height = look.half_extents
    if look.shape in ("box", "slab"):
        return pybullet.createCollisionShape(
            pybullet.GEOM_BOX, halfExtents=look.half_extents, physicsClientId=client
        )
    if look.shape == "hexprism":
        angles = math.pi / 3 * np.arange(6)
        ring = np.stack([width * np.cos(angles), width * np.sin(angles)], axis=1)
        vertices = [(x, y, z) for x, y in ring.tolist() for z in (-height, height)]
        return pybullet.createCollisionShape(
            pybullet.GEOM_MESH, vertices=vertices, physicsClientId=client
        )
    return pybullet.createCollisionShape(
        pybullet.GEOM_CYLINDER, radius=width, height=2 * height, physicsClientId=client
    )


def _set_contact(body: int, friction: float, inertia_scale: float, client: int) -> None:
    inertia = pybullet.getDynamicsInfo(body, -1, physicsClientId=client)[2]
    pybullet.changeDynamics(
        body,
        -1,
        lateralFriction=friction,
        linearDamping=0.0,
        angularDamping=0.0,
        localInertiaDiagonal=[inertia_scale * axis for axis in inertia],
        physicsClientId=client,
        **SLIPPERY,
    )


def _run(body: int, force: np.ndarray, steps: int, client: int) -> np.ndarray:
    """States [F, 13] at every frame; the contact settles for one frame before frame 0."""
    states = np.empty((len(force), 13))
    pushes = np.vstack([np.zeros((1, 2)), force[:-1]])
    for frame, push in enumerate(pushes):
        _advance(body, push, steps, client)
        pose = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)
        motion = pybullet.getBaseVelocity(body, physicsClientId=client)
        states[frame] = np.concatenate(pose + motion)
    return states


def _advance(body: int, push: np.ndarray, steps: int, client: int) -> None:
    """Step one frame interval under a constant push [2] in newtons on the centre of mass."""
    is_pushed = bool(push.any())
    for _ in range(steps):
        if is_pushed:
            centre = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)[0]
            pybullet.applyExternalForce(
                body, -1, (*push, 0.0), centre, pybullet.WORLD_FRAME, physicsClientId=client
            )
        pybullet.stepSimulation(physicsClientId=client)
