"""A whole board in QEMU – kernel, systemd, sshd, cameras, serial line – on which a bundle is tried."""
