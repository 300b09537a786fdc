"""What the terminal shows: messages clear of bars, and last the warnings and why jobs failed."""

from snakemake.logging import logger

from hopeworld import cautions, failures, progress


def keep_bars_apart():
    """Have messages take away the bar that a job has drawn on the terminal."""
    for handler in logger.handlers:
        if getattr(handler, "is_tty", False):
            handler.setStream(progress.Cleared(handler.stream))


def tell_warnings():
    """Show the warnings of the study, from all that the run asked for, done before or now."""
    logs = sorted(Path(path) for job in workflow.dag.jobs for path in job.log)
    logger.warning(cautions.block(cautions.collected(Path(RESULTS), logs)))


def tell_failures():
    """Show every job that failed for good, with its cause and its log."""
    whole = workflow.scheduler.failed
    failed = [job for one in whole for job in (one.jobs if one.is_group() else [one])]
    if failed:
        jobs = [(f"{job.rule.name} ({job.message})", Path(str(job.log))) for job in failed]
        logger.error(failures.block(jobs))
