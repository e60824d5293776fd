"""Files that somebody made to break the decoder: made by number, so that each can be made again."""
