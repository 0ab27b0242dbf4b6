"""The commands of the README, a file each, and the rooms of what they are made of.

Law: imports `handler`, `model` and `portrait_client`; nobody imports `scripts` but `deploy` and tests, and no room
imports a command that imports it.
"""
