"""Who may do what: four roles, each with all that it may do. Every view asks for one of these abilities."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is on this site."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"


class Ability(StrEnum):
    """What can be allowed."""

    READ = "read"  # announcements, published models and their reports
    DETECT = "detect"  # ask a model; see one's own answers and jobs
    REVIEW = "review"  # correct answers
    ADMINISTER = "administer"  # people, models, announcements, the audit log; everybody's answers and jobs


ABILITIES: dict[Role, frozenset[Ability]] = {
    Role.VIEWER: frozenset({Ability.READ}),
    Role.OPERATOR: frozenset({Ability.READ, Ability.DETECT}),
    Role.REVIEWER: frozenset({Ability.READ, Ability.DETECT, Ability.REVIEW}),
    Role.ADMINISTRATOR: frozenset(Ability),
}
