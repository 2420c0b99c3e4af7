package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.Entry.Present;
import dev.stillframe.engine.mmu.FaultPath.Access;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.FaultPath.Result;
import org.jspecify.annotations.Nullable;

/**
 * Ways to a page: {@link #walk} as an instruction goes, {@link #grab} as get_user_pages goes. Both
 * come back with a frame, or with the reason why not. Stateless; under the model's lock.
 */
final class UserPages {
    /**
     * How a page is wanted by reference.
     *
     * @param write whether it will be written through the reference
     * @param forced whether the mapping's protection is overridden (FOLL_FORCE)
     */
    record Want(Grab grab, boolean write, Origin origin, boolean forced) {}

    /** What came of it: a frame if {@code result} is RESOLVED, else none. */
    record Found(Result result, @Nullable Frame frame) {
        /** The frame; only if there is one. */
        Frame get() {
            if (frame == null) {
                throw new IllegalStateException("no page: " + result);
            }
            return frame;
        }

        boolean isFrame() {
            return frame != null;
        }
    }

    private final Mmu mmu;

    UserPages(Mmu mmu) {
        this.mmu = mmu;
    }

    /** The page at {@code address} for an instruction, or for the kernel on its behalf. */
    Found walk(Task task, AddressSpace mm, long address, Access access, Origin origin) {
        while (true) {
            Vma vma = mm.find(address);
            if (vma != null
                    && FaultPath.allows(vma, access)
                    && mm.entry(Mmu.pageOf(address)) instanceof Present present
                    && (access == Access.READ || present.writable())) {
                if (access == Access.WRITE) {
                    mm.set(Mmu.pageOf(address), present.withDirty());
                    present.frame().lazyFree = false;
                }
                return new Found(Result.RESOLVED, present.frame());
            }
            Result result = mmu.faults().fault(task, mm, address, access, origin, false);
            if (result != Result.RESOLVED) {
                return new Found(result, null);
            }
        }
    }

    /** The page at {@code address} by reference. The caller counts the reference. */
    Found grab(Task task, AddressSpace mm, long address, Want want) {
        while (true) {
            Vma vma = mm.find(address);
            if (vma == null || !mayGrab(vma, want)) {
                return new Found(Result.SIGSEGV, null);
            }
            @Nullable Present present =
                    mm.entry(Mmu.pageOf(address)) instanceof Present mapped ? mapped : null;
            Access access = accessFor(vma, want, present);
            if (present != null && follows(vma, present, access, want.forced() || !want.write())) {
                if (want.write()) {
                    mm.set(Mmu.pageOf(address), present.withDirty());
                    present.frame().lazyFree = false;
                }
                return new Found(Result.RESOLVED, present.frame());
            }
            Result result = mmu.faults().fault(task, mm, address, access, want.origin(), true);
            if (result != Result.RESOLVED) {
                return new Found(result, null);
            }
        }
    }

    private static boolean mayGrab(Vma vma, Want want) {
        boolean isSharedFile = vma.object() != null && vma.object().isRegularFile() && vma.shared();
        if (want.write() && want.grab() == Grab.LONGTERM_PIN && isSharedFile) {
            return false; // its dirty pages could not be written back:
            // writable_file_mapping_allowed
        }
        if (want.write()) {
            return vma.writable() || want.forced() && vma.isCow();
        }
        return vma.readable() || want.forced();
    }

    private Access accessFor(Vma vma, Want want, @Nullable Present present) {
        if (want.write()) {
            return Access.WRITE;
        }
        if (!vma.isCow()) {
            return Access.READ;
        }
        return switch (mmu.policy().onRead(want.grab(), present, vma.writable())) {
            case FOLLOW -> Access.READ;
            case BREAK -> Access.UNSHARE;
            case AS_WRITE -> Access.WRITE;
        };
    }

    private static boolean follows(Vma vma, Present present, Access access, boolean forced) {
        return switch (access) {
            case READ -> true;
            case WRITE -> mayWriteBehind(vma, present, forced);
            case UNSHARE -> false;
        };
    }

    /**
     * A debugger may write to a page of one's own that the program may not write to:
     * can_follow_write_pte.
     */
    private static boolean mayWriteBehind(Vma vma, Present present, boolean forced) {
        return present.writable()
                || forced
                        && !vma.writable()
                        && present.frame().kind == Frame.Kind.ANON
                        && present.frame().exclusive
                        && !(vma.isWp() && present.uffdWp());
    }
}
