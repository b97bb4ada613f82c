"""svcmgr: the command line of the reference, over osvc's own verbs."""
