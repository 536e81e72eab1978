"""Notices: what happens on the site is told to other programs, chat robots and people's mailboxes."""
