"""The web site: sign in, detect, announce, administer. A Django project with one small app for each subject.

Every act that changes something is a function in the ``services.py`` of its app: it writes the act and its entry in the
audit log in one transaction. Views and the REST API only read the input and call these functions.
"""
