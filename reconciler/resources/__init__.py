"""One folder a resource type: model and planning are pure, driver talks to host ports."""
