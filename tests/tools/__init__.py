"""What several tests need, and nobody else.

Law: no module of it imports a test.
"""
