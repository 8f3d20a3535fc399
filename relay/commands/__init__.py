"""The command ``relay``: what an operator or a developer asks for at a shell.

====================  ========================================================================================="""
