"""Recording what another program plays: from a virtual cable, a loopback or a JACK port.

A process of its own records (`worker`), so that neither a busy program nor a driver that crashes costs a sample or more than
the recording: `record.capture` starts it and hears how it goes. sounddevice (PortAudio) is imported only there.
"""
