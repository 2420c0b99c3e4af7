package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A process: an address space, threads, and userfaultfds. Thread-safe. */
public final class EmulatedProcess {
    private final Mmu mmu;
    private final int id;
    private AddressSpace mm;
    private final List<Task> tasks = new ArrayList<>();
    private final List<Userfault> descriptors = new ArrayList<>();
    private boolean alive = true;

    EmulatedProcess(Mmu mmu, int id, AddressSpace mm) {
        this.mmu = mmu;
        this.id = id;
        this.mm = mm;
        tasks.add(new Task(this, id));
    }

    /** Its number, which is also that of its first thread. */
    public int id() {
        return id;
    }

    /** Its first thread. */
    public Task task() {
        return tasks.getFirst();
    }

    /** One more thread. */
    public Task newTask() {
        synchronized (mmu) {
            Task task = new Task(this, mmu.nextId());
            tasks.add(task);
            return task;
        }
    }

    /** Its threads, the first first. */
    public List<Task> tasks() {
        synchronized (mmu) {
            return List.copyOf(tasks);
        }
    }

    /** Whether it has not ended. */
    public boolean isAlive() {
        return alive;
    }

    /** mmap(2) of private anonymous memory; its address. */
    public long mapAnonymous(long bytes) {
        return map(0, bytes, null, 0, false, Vma.Units.PAGES);
    }

    /** The same at {@code address}, where nothing is mapped. */
    public long mapAnonymousAt(long address, long bytes) {
        return map(address, bytes, null, 0, false, Vma.Units.PAGES);
    }

    /** An address where nothing is mapped, for so many bytes of the mapping at {@code like}. */
    public long freeAddress(long like, long bytes) {
        synchronized (mmu) {
            Vma vma = mm.find(like);
            return mm.freeRange(Mmu.wholePages(bytes), vma == null ? Vma.Units.PAGES : vma.units());
        }
    }

    /**
     * Private anonymous memory that starts at a multiple of 2 MiB and uses huge pages where it can.
     */
    public long mapHuge(long bytes) {
        return map(0, bytes, null, 0, false, Vma.Units.HUGE_WHERE_POSSIBLE);
    }

    /** mmap(2) with MAP_HUGETLB of private anonymous memory, in multiples of 2 MiB. */
    public long mapHugetlb(long bytes) {
        return map(0, bytes, null, 0, false, Vma.Units.HUGE);
    }

    /**
     * mmap(2) with MAP_SHARED of an object, or of {@link Mmu#newSharedMemory} for shared anonymous
     * memory.
     */
    public long mapShared(SharedObject object, long offset, long bytes) {
        return map(0, bytes, object, offset, true, Vma.Units.PAGES);
    }

    /** mmap(2) with MAP_PRIVATE of an object. */
    public long mapPrivate(SharedObject object, long offset, long bytes) {
        return map(0, bytes, object, offset, false, Vma.Units.PAGES);
    }

    /** mmap(2) with MAP_SHARED and PROT_READ of an object that was opened for reading alone. */
    public long mapReadOnly(SharedObject object, long offset, long bytes) {
        synchronized (mmu) {
            long start = map(0, bytes, object, offset, true, Vma.Units.PAGES);
            mm.change(start, start + bytes, v -> v.with(Vma.Rights.READ_ONLY));
            return start;
        }
    }

    private long map(
            long fixed,
            long bytes,
            @Nullable SharedObject object,
            long offset,
            boolean shared,
            Vma.Units units) {
        synchronized (mmu) {
            long unit = units == Vma.Units.HUGE ? Mmu.HUGE_BYTES : Mmu.PAGE_BYTES;
            if (bytes <= 0 || bytes % unit != 0 || offset % Mmu.PAGE_BYTES != 0) {
                throw new IllegalArgumentException(
                        "not pages: %d bytes at %d".formatted(bytes, offset));
            }
            long start = fixed != 0 ? fixed : mm.freeRange(bytes, units);
            long at = object == null ? start : offset;
            mm.add(
                    new Vma(
                            start,
                            start + bytes,
                            Vma.Rights.ALL,
                            new Vma.Backing(object, at, shared),
                            units,
                            Vma.Marks.NONE,
                            null,
                            Vma.Registration.NONE));
            return start;
        }
    }

    /** Its mappings, by address. */
    public List<Mapped> mappings() {
        synchronized (mmu) {
            return mm.all().stream()
                    .map(
                            v ->
                                    new Mapped(
                                            v.start(),
                                            v.end(),
                                            v.readable(),
                                            v.writable(),
                                            v.shared(),
                                            v.object(),
                                            v.object() == null ? 0 : v.objectOffset(),
                                            v.context() != null))
                    .toList();
        }
    }

    /** userfaultfd(2), non-blocking. */
    public Userfault userfaultfd() {
        return userfaultfd(false, true);
    }

    /**
     * userfaultfd(2).
     *
     * @param userModeOnly whether system calls that would have to wait fail instead
     * @param nonBlocking O_NONBLOCK
     */
    public Userfault userfaultfd(boolean userModeOnly, boolean nonBlocking) {
        synchronized (mmu) {
            Userfault userfault = new Userfault(new Context(mm, userModeOnly, nonBlocking));
            userfault.installIn(this);
            return userfault;
        }
    }

    /** What /proc/PID/pagemap says about the page at {@code address}. */
    public PageBits bits(long address) {
        synchronized (mmu) {
            return PageBits.of(mm, address);
        }
    }

    /** A page scan of this process: the PAGEMAP_SCAN ioctl. */
    public PageScan.Result scan(PageScan.Request request) {
        synchronized (mmu) {
            return new PageScan(mm, request).run();
        }
    }

    /**
     * Memory as the program would see it, without going through the page tables' eyes: nothing is
     * touched, told or counted. Holes are zeros.
     */
    public byte[] peek(long address, int length) {
        synchronized (mmu) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++) {
                Frame frame = frameAt(address + i);
                bytes[i] = frame == null ? 0 : frame.get((int) ((address + i) % Mmu.PAGE_BYTES));
            }
            return bytes;
        }
    }

    private @Nullable Frame frameAt(long address) {
        Vma vma = mm.find(address);
        if (vma == null) {
            throw new IllegalArgumentException("not mapped: " + Long.toHexString(address));
        }
        long page = Mmu.pageOf(address);
        return switch (mm.entry(page)) {
            case Present present -> present.frame();
            case Entry.Swapped swapped -> swapped.frame();
            case Entry.Empty _, Entry.Marker _ ->
                    vma.object() == null ? null : vma.object().cached(vma.objectPage(page));
        };
    }

    /**
     * execve(2): other threads end, memory is new and empty, and userfaultfds, which are closed on
     * exec, are gone.
     */
    public void exec() {
        synchronized (mmu) {
            tasks.stream().skip(1).forEach(Task::kill);
            tasks.subList(1, tasks.size()).clear();
            leaveMemory();
            mm = new AddressSpace(mmu);
            List.copyOf(descriptors).forEach(Userfault::close);
        }
    }

    private void leaveMemory() {
        mm.users--;
        if (!mm.isAlive()) {
            mmu.ranges().clear(mm, 0, Mmu.TASK_SIZE);
            mm.all().forEach(mm::remove);
        }
    }

    /** Its end, as by SIGKILL or exit_group(2): threads, memory, then descriptors. */
    public void exit() {
        synchronized (mmu) {
            if (!alive) {
                return;
            }
            alive = false;
            tasks.forEach(Task::kill);
            leaveMemory();
            List.copyOf(descriptors).forEach(Userfault::close);
        }
    }

    /** The child of clone(2) with CLONE_VM, or of vfork(2): another process in the same memory. */
    EmulatedProcess cloneInSameMemory() {
        mm.users++;
        return child(mm);
    }

    /** A child with descriptors of its own, and memory as given. */
    EmulatedProcess child(AddressSpace memory) {
        EmulatedProcess child = mmu.add(new EmulatedProcess(mmu, mmu.nextId(), memory));
        descriptors.forEach(each -> each.duplicate().installIn(child));
        return child;
    }

    void install(Userfault userfault) {
        descriptors.add(userfault);
    }

    void uninstall(Userfault userfault) {
        descriptors.remove(userfault);
    }

    /** Its userfaultfds, in the order of opening; a forked child has those of its parent. */
    public List<Userfault> userfaultfds() {
        synchronized (mmu) {
            return List.copyOf(descriptors);
        }
    }

    Mmu mmu() {
        return mmu;
    }

    AddressSpace mm() {
        return mm;
    }
}
