"""The processes of a server: the main one, its workers, and the folder that they share."""
