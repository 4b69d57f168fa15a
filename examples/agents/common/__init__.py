"""What both example agents share: the flags, the guards at the door, the request counter, the server."""
