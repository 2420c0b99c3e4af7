package dev.stillframe.engine.conformance;

/** An ioctl of a userfaultfd; numbers as in {@code include/uapi/linux/userfaultfd.h}. */
public sealed interface Control {
    /** {@code UFFDIO_API}. */
    record Api(long version, long features) implements Control {}

    /** {@code UFFDIO_REGISTER}; modes MISSING 1, WP 2, MINOR 4. */
    record Register(long start, long bytes, int modes) implements Control {}

    /** {@code UFFDIO_UNREGISTER}. */
    record Unregister(long start, long bytes) implements Control {}

    /** {@code UFFDIO_WRITEPROTECT}; modes WP 1, DONTWAKE 2. */
    record WriteProtect(long start, long bytes, int mode) implements Control {}

    /** {@code UFFDIO_WRITEPROTECT} with an argument at address 0. */
    record NullArgument() implements Control {}

    /** {@code UFFDIO_WAKE}. */
    record Wake(long start, long bytes) implements Control {}

    /** {@code UFFDIO_COPY} of {@code data}, from memory of the caller; modes DONTWAKE 1, WP 2. */
    record Copy(long start, byte[] data, int mode) implements Control {}

    /** {@code UFFDIO_ZEROPAGE}. */
    record ZeroPage(long start, long bytes) implements Control {}

    /** {@code UFFDIO_MOVE}. */
    record Move(long start, long source, long bytes) implements Control {}

    /** {@code UFFDIO_CONTINUE}; mode WP 2. */
    record Continue(long start, long bytes, int mode) implements Control {}

    /** {@code UFFDIO_POISON}. */
    record Poison(long start, long bytes) implements Control {}
}
