"""How it is run for others: image, proxy, Kubernetes and monitoring, which are no Python, and whole archives on Ray.

Law: imports `portrait_client`, and of `scripts` what is known of a machine; nobody imports `deploy` but tests.
"""
