package dev.stillframe.engine.process;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.linux.Descriptor;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Pidfd;
import dev.stillframe.engine.linux.ProcessMemory;
import dev.stillframe.engine.memory.FileReference;
import dev.stillframe.engine.memory.MemoryFile;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A running process, looked at from outside: its memory, its page tables, its mappings. Reading
 * changes nothing in it. Thread-safe but for {@link #scan}.
 */
public final class TargetProcess implements Target {
    private static final int ELF_CLASS_OFFSET = 4;
    private static final int ELF_CLASS_32 = 1;
    private static final int CAP_SYS_PTRACE = 19;

    /** PROC_USER_INIT_INO, include/uapi/linux/nsfs.h. */
    private static final String FIRST_USER_NAMESPACE = "user:[4026531837]";

    private static final int AT_PAGESZ = 6; // include/uapi/linux/auxvec.h
    private static final int PAGE_BYTES = 4096;
    private static final long HUGE_PAGE_BYTES = 2L << 20;

    private static final char STOPPED = 'T'; // proc_pid_status(5)
    private static final String MERGEABLE = "mg"; // in VmFlags, proc_pid_smaps(5)

    private final int pid;
    private final Pidfd pidfd;
    private final ProcessMemory memory;
    private final PagemapScan pagemap;
    private final FileReferences files;
    private volatile boolean mergeable;
    private boolean closed;

    private TargetProcess(int pid, Pidfd pidfd, ProcessMemory memory, PagemapScan pagemap) {
        this.pid = pid;
        this.pidfd = pidfd;
        this.memory = memory;
        this.pagemap = pagemap;
        this.files = new FileReferences(pid);
    }

    /**
     * Opens a process as a target.
     *
     * @throws TargetException if it cannot be one; the message says why and what to do
     */
    public static TargetProcess open(int pid) throws IOException {
        if (pid < 1) {
            throw new TargetException("a process id is a positive number, not " + pid);
        }
        refuse(pid, ProcessStatus.of(pid));
        Pidfd pidfd = Pidfd.open(pid);
        try {
            ProcessMemory memory = ProcessMemory.of(pid);
            try {
                return new TargetProcess(pid, pidfd, memory, PagemapScan.of(pid));
            } catch (IOException e) {
                memory.close();
                throw e;
            }
        } catch (IOException e) {
            pidfd.close();
            throw new TargetException(
                    "process "
                            + pid
                            + " is not ours to trace ("
                            + e.getMessage()
                            + "); run as root or with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE,"
                            + " and see /proc/sys/kernel/yama/ptrace_scope",
                    e);
        }
    }

    private static void refuse(int pid, ProcessStatus status) throws IOException {
        if (pid == ProcessHandle.current().pid()) {
            throw new TargetException(
                    "process "
                            + pid
                            + " is this one: a JVM that handles the faults of its own threads hangs at the first garbage"
                            + " collection; run the snapshot from another process");
        }
        if (status.number("PPid") == ProcessHandle.current().pid()) {
            throw new TargetException(
                    "process "
                            + pid
                            + " is a child of this JVM, whose own thread that waits for children would take the reports of"
                            + " its stops; start it through a shell that stays its parent, or snapshot it from another"
                            + " process");
        }
        int leader = status.number("Tgid");
        if (leader != pid) {
            throw new TargetException(
                    "%d is a thread of process %d; give the process".formatted(pid, leader));
        }
        if (status.state() == 'Z' || status.state() == 'X') {
            throw new TargetException(
                    status.number("Threads") > 1
                            ? "the main thread of process "
                                    + pid
                                    + " has ended; such a process cannot be attached"
                            : "process "
                                    + pid
                                    + " has ended (a zombie that its parent has not waited for)");
        }
        if (!status.hasMemory()) {
            throw new TargetException(
                    "process " + pid + " is a kernel thread and has no memory of its own");
        }
        int tracer = status.number("TracerPid");
        if (tracer != 0) {
            throw new TargetException(
                    "process %d is already traced by process %d; detach that (a debugger, strace) first"
                            .formatted(pid, tracer));
        }
        if (status.text("x86_Thread_features").contains("shstk")) {
            throw new TargetException(
                    "process "
                            + pid
                            + " runs with shadow stacks, under which no call can be injected; start it without"
                            + " (GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)");
        }
        refuse32Bit(pid);
        refuseLargePages(pid);
    }

    /**
     * A kernel has one page size, which every process is told in its auxiliary vector
     * (getauxval(3)).
     */
    private static void refuseLargePages(int pid) throws IOException {
        ByteBuffer auxv = ByteBuffer.wrap(auxv(pid)).order(ByteOrder.nativeOrder());
        while (auxv.remaining() >= 2 * Long.BYTES) {
            long type = auxv.getLong();
            long value = auxv.getLong();
            if (type == AT_PAGESZ && value != PAGE_BYTES) {
                throw new TargetException(
                        "this kernel has pages of "
                                + value
                                + " bytes; only kernels with pages of "
                                + PAGE_BYTES
                                + " bytes are supported");
            }
        }
    }

    private static void refuse32Bit(int pid) throws IOException {
        try (InputStream executable = Files.newInputStream(Path.of("/proc/" + pid + "/exe"))) {
            byte[] head = executable.readNBytes(ELF_CLASS_OFFSET + 1);
            if (head.length > ELF_CLASS_OFFSET && head[ELF_CLASS_OFFSET] == ELF_CLASS_32) {
                throw new TargetException(
                        "process " + pid + " is a 32-bit program; only 64-bit ones are supported");
            }
        } catch (java.nio.file.AccessDeniedException e) {
            throw new TargetException(
                    "process "
                            + pid
                            + " is not ours to trace ("
                            + e.getMessage()
                            + "); run as its owner or as root",
                    e);
        }
    }

    /** Its process id. */
    public int pid() {
        return pid;
    }

    @Override
    public Attachment attach(Probe probe, Clock clock) {
        return new Tracer(this, probe, clock);
    }

    @Override
    public long read(long address, long length, long into) {
        return memory.read(address, length, into);
    }

    @Override
    public long gather(MemorySegment ranges, int count, long bytes, long into) {
        return memory.gather(ranges, count, bytes, into);
    }

    @Override
    public void makeWritable(long address, long length) {
        memory.makeWritable(address, length);
    }

    @Override
    public boolean makeHuge(long address) {
        return pidfd.collapse(address, HUGE_PAGE_BYTES) == HUGE_PAGE_BYTES;
    }

    @Override
    public byte[] read(long address, int length) throws IOException {
        return memory.read(address, length);
    }

    @Override
    public void scan(long start, long end, PagemapScan.Query query, PagemapScan.Visitor visitor)
            throws IOException {
        pagemap.scan(start, end, query, visitor);
    }

    @Override
    public ProtectionView protection() throws IOException {
        return new PagemapView(PagemapScan.of(pid));
    }

    private record PagemapView(PagemapScan pagemap) implements ProtectionView {
        @Override
        public boolean isWhole(long start, long bytes) throws IOException {
            return pagemap.isProtected(start, start + bytes);
        }

        @Override
        public void close() {
            pagemap.close();
        }
    }

    /** The kernel resolves the link to the mapped object itself, whatever became of its name. */
    @Override
    public MemoryFile open(Mapping mapping) throws IOException {
        return Descriptor.openRead("/proc/" + pid + "/map_files/" + mapping.range());
    }

    /** Empties a mapping of shared memory, for everybody. */
    public void empty(Mapping mapping) throws IOException {
        try (Descriptor file =
                Descriptor.openReadWrite("/proc/" + pid + "/map_files/" + mapping.range())) {
            file.punch(mapping.offset(), mapping.range().sizeBytes());
        }
    }

    @Override
    public FileReference fileOf(Mapping mapping) {
        return files.of(mapping);
    }

    @Override
    public List<Missing> sharedElsewhere(List<Mapping> shown) throws IOException {
        return SharedElsewhere.find(pid, shown);
    }

    @Override
    public List<OpenDescriptor> openDescriptors(List<Mapping> shown) throws IOException {
        return OpenDescriptor.find(shown);
    }

    @Override
    public EndedChildren endedChildren() throws IOException {
        return EndedChildren.of(pid);
    }

    /** Whether it has ended. */
    public boolean hasEnded() throws IOException {
        return pidfd.hasEnded();
    }

    /** Those of the hugetlb pool included. */
    @Override
    public long residentBytes() throws IOException {
        ProcessStatus status = ProcessStatus.of(pid);
        return (status.number("VmRSS") + (long) status.number("HugetlbPages")) << 10;
    }

    @Override
    public int threadCount() throws IOException {
        return ProcessStatus.of(pid).number("Threads");
    }

    @Override
    public List<Mapping> mappings() throws IOException {
        return Mapping.of(pid);
    }

    /** {@code mg}, mergeable, only if the kernel merges. */
    @Override
    public Map<Long, Set<String>> mappingFlags() throws IOException {
        Map<Long, Set<String>> flags = Mapping.flags(pid);
        if (!Merging.isRunning()) {
            for (Map.Entry<Long, Set<String>> mapping : flags.entrySet()) {
                if (mapping.getValue().contains(MERGEABLE)) {
                    mergeable = true;
                    Set<String> others = new HashSet<>(mapping.getValue());
                    others.remove(MERGEABLE);
                    mapping.setValue(Set.copyOf(others));
                }
            }
        }
        return flags;
    }

    /**
     * Whether the protection held until now.
     *
     * @throws TargetException if the kernel began to merge pages meanwhile
     */
    void confirm() throws IOException {
        if (mergeable && Merging.isRunning()) {
            throw new TargetException(
                    "kernel samepage merging was switched on meanwhile, which drops the protection of pages of process "
                            + pid
                            + "; switch it off (echo 0 > /sys/kernel/mm/ksm/run) and try again");
        }
    }

    @Override
    public byte[] auxv() throws IOException {
        return auxv(pid);
    }

    private static byte[] auxv(int pid) throws IOException {
        return Files.readAllBytes(Path.of("/proc/" + pid + "/auxv"));
    }

    @Override
    public Source source() throws IOException {
        ProcessStatus status = ProcessStatus.of(pid);
        int[] groupAndSession = status.groupAndSession();
        return new Source(
                pid,
                status.number("PPid"),
                groupAndSession[0],
                groupAndSession[1],
                status.number("Uid"),
                status.number("Gid"),
                status.command(),
                status.arguments(),
                Files.readSymbolicLink(Path.of("/proc/" + pid + "/exe")).toString(),
                hostName(),
                dev.stillframe.engine.linux.Architecture.CURRENT.unameName(),
                System.getProperty("os.version"));
    }

    /** As uname(2) tells it; a look-up of names could take long. */
    private static String hostName() throws IOException {
        return Files.readString(Path.of("/proc/sys/kernel/hostname"), StandardCharsets.UTF_8)
                .strip();
    }

    String threadName(int tid) throws IOException {
        byte[] name = Descriptor.readStart("/proc/" + pid + "/task/" + tid + "/comm");
        return new String(name, StandardCharsets.ISO_8859_1).strip();
    }

    /** userfaultfd(2): CAP_SYS_PTRACE in the first user namespace, or the setting for all. */
    @Override
    public boolean canBeMadeToWait() throws IOException {
        return Processes.read(Path.of("/proc/sys/vm/unprivileged_userfaultfd")).startsWith("1")
                || (hasCapability(CAP_SYS_PTRACE) && isInTheFirstUserNamespace());
    }

    private boolean hasCapability(int capability) throws IOException {
        long effective = Long.parseUnsignedLong(ProcessStatus.of(pid).text("CapEff"), 16);
        return (effective >>> capability & 1) != 0;
    }

    private boolean isInTheFirstUserNamespace() throws IOException {
        return Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/user"))
                .toString()
                .equals(FIRST_USER_NAMESPACE);
    }

    @Override
    public void refuseOwnUserfaultfd() throws IOException {
        try (var descriptors = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
            for (Path descriptor : descriptors) {
                if (isUserfaultfd(descriptor)) {
                    throw new TargetException(
                            "process %d has a userfaultfd of its own (descriptor %s): what it registers with it would fail during a snapshot, with EBUSY; close it first"
                                    .formatted(pid, descriptor.getFileName()));
                }
            }
        }
    }

    private static boolean isUserfaultfd(Path descriptor) throws IOException {
        try {
            return Files.readSymbolicLink(descriptor).toString().equals("anon_inode:[userfaultfd]");
        } catch (NoSuchFileException e) {
            return false; // closed since
        }
    }

    /**
     * Makes the process create a userfaultfd and takes it; to be called on a tracer's thread.
     *
     * @throws TargetException if the process forbids it
     */
    UserfaultfdInjection.Answer inject(UserfaultfdInjection.Call call, Probe probe, Clock clock)
            throws IOException {
        if (ProcessStatus.of(pid).state() == STOPPED) {
            throw new TargetException(
                    "process %d is stopped by a signal (SIGSTOP, or a terminal's): nothing can be asked of it; let it go on with kill -CONT %d, and try again"
                            .formatted(pid, pid));
        }
        return new UserfaultfdInjection(call, pid, injectionGround(), probe, clock).call();
    }

    /** Where calls can be injected. */
    InjectionGround injectionGround() throws IOException {
        List<Mapping> mappings = mappings();
        Mapping stack =
                mappings.stream()
                        .filter(m -> m.name().equals("[stack]"))
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        new TargetException(
                                                "process " + pid + " has no [stack] mapping"));
        Gadgets gadgets = Gadgets.find(memory, mappings);
        return new InjectionGround(memory, (sp, bytes) -> room(stack, sp, bytes, gadgets), gadgets);
    }

    /**
     * Below the stack pointer, where the kernel too would put a signal's frame; or, where the
     * thread runs on a stack of its program's making (goroutines, coroutines), in pages at the far
     * end of the main stack that were never used, or only for this.
     */
    private long room(Mapping stack, long stackPointer, int bytes, Gadgets gadgets)
            throws IOException {
        if (stack.range().contains(stackPointer)
                && stackPointer - bytes - 64 > stack.range().start()) {
            return (stackPointer - bytes) & -64;
        }
        long start = stack.range().start();
        if (bytes > stack.range().sizeBytes() / 2) {
            throw new TargetException(
                    "the main stack of process " + pid + " has no room for a signal frame");
        }
        ByteBuffer found =
                ByteBuffer.wrap(memory.read(start, bytes)).order(ByteOrder.LITTLE_ENDIAN);
        boolean left =
                found.getLong(0)
                        == gadgets.sigreturn(); // by a snapshot that was killed in this call
        if (!left && found.mismatch(ByteBuffer.allocate(bytes)) >= 0) {
            throw new TargetException(
                    "the main stack of process " + pid + " has no unused room for a signal frame");
        }
        return start;
    }

    /** Idempotent. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            pagemap.close();
            memory.close();
            pidfd.close();
        }
    }
}
