"""Messages of other programs, as protobuf generates their classes (see `remote_write.proto`)."""
