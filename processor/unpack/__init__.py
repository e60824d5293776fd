"""Our own unpackers for forms of DNG that we know exactly; everything else is LibRaw's."""
