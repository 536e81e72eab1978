"""Training of detectors: samples of pictures with boxes, what the network is to answer there, the run as a whole."""
