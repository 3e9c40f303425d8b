"""A scripted IKEv2 initiator: what phones and PCs do, said step by step, with ESP in UDP carried by itself."""
