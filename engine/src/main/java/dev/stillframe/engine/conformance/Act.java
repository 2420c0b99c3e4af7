package dev.stillframe.engine.conformance;

/**
 * Something that a thread does. Immutable.
 *
 * @param kind what
 * @param process whose memory it is about; of the thread itself for most kinds
 * @param address where
 * @param bytes how much
 * @param value the byte to be stored or sent, or an argument that the kind explains
 * @param other the expected byte of {@link Kind#CAS}
 * @param name a name that the kind explains
 */
public record Act(
        Kind kind, String process, long address, long bytes, long value, long other, String name) {
    /** Instead of the address of a {@link Kind#MREMAP}: where it is. */
    public static final long IN_PLACE = -1;

    /** Kinds of acts. */
    public enum Kind {
        /** One byte is loaded; it is the result. */
        LOAD,
        /** One byte is stored. */
        STORE,
        /** Eight equal bytes are stored by one instruction. */
        STORE8,
        /** One byte is compared and exchanged; the result is 1 if it was. */
        CAS,
        /**
         * Adds 1 to the first word of each page in turn until told to stop; the result is how
         * often.
         */
        HAMMER,
        /** write(2) of the range to a pipe. */
        WRITE,
        /** read(2) into the range from a pipe. */
        READ,
        /** pwrite(2) with O_DIRECT of the range. */
        DIRECT_WRITE,
        /** pread(2) with O_DIRECT into the range. */
        DIRECT_READ,
        /** process_vm_readv(2). */
        VM_READ,
        /** process_vm_writev(2). */
        VM_WRITE,
        /** read(2) of /proc/PID/mem. */
        MEM_READ,
        /** write(2) of /proc/PID/mem. */
        MEM_WRITE,
        /** PTRACE_PEEKDATA. */
        PEEK,
        /** PTRACE_POKEDATA. */
        POKE,
        /** vmsplice(2) of the range to a pipe of that name. */
        VMSPLICE,
        /** read(2) of a pipe of that name, into memory that nobody watches. */
        PIPE_READ,
        /** The range becomes a registered buffer of an io_uring. */
        IO_REGISTER,
        /**
         * IORING_OP_READ_FIXED of the byte into the range, which lies in the thread's last
         * registered buffer.
         */
        IO_READ,
        /** FUTEX_WAIT with a private key and a value that is not there. */
        FUTEX_WAIT,
        /** FUTEX_WAKE with a key that processes share. */
        FUTEX_WAKE_SHARED,
        /** FUTEX_WAKE_OP that adds 1 to the word. */
        FUTEX_WAKE_OP,
        /** FUTEX_LOCK_PI of a word that says it is owned. */
        FUTEX_LOCK_PI,
        /** The word becomes a lock of the thread, on its robust list, which has none but this. */
        ROBUST_FUTEX,
        /** mlock(2). */
        MLOCK,
        /** MADV_POPULATE_READ. */
        POPULATE_READ,
        /** MADV_POPULATE_WRITE. */
        POPULATE_WRITE,
        /** madvise(2) with the advice that is named. */
        MADVISE,
        /** mprotect(2); {@code value} is the set of PROT_ bits. */
        MPROTECT,
        /** munmap(2). */
        MUNMAP,
        /** mmap(2) of private anonymous memory to where the range is, MAP_FIXED. */
        MMAP,
        /**
         * mremap(2) to {@code other} bytes at another address, which is the result; the memory
         * there gets {@code name}. The address is {@code value}, and what is mapped there goes; or
         * one where nothing is, if that is 0; or the same, if it is {@link #IN_PLACE}.
         */
        MREMAP,
        /** fork(2); the child and its thread get {@code name}. */
        FORK,
        /** A child in the same memory, clone(2) with CLONE_VM. */
        SPAWN,
        /** vfork(2): as {@link #SPAWN}, and the parent waits until the child has gone. */
        VFORK,
        /**
         * execve(2) of the same program by the first thread of a process: its memory and
         * descriptors are gone.
         */
        EXEC,
        /** The end of the thread; that of the first one ends its process. */
        EXIT,
        /**
         * A thread of the same process that clears its word at {@code address} when it exits; it
         * gets {@code name}.
         */
        CLONE_CLEARTID
    }

    /** An act on a range. */
    public static Act on(Kind kind, String process, long address, long bytes) {
        return new Act(kind, process, address, bytes, 0, 0, "");
    }

    /** An act with a value. */
    public static Act with(Kind kind, String process, long address, long bytes, long value) {
        return new Act(kind, process, address, bytes, value, 0, "");
    }

    /** An act with a name. */
    public static Act named(Kind kind, String process, long address, long bytes, String name) {
        return new Act(kind, process, address, bytes, 0, 0, name);
    }
}
