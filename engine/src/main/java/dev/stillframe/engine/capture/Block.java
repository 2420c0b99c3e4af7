package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.staging.StagingBlock;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Two MiB of the target's address space, aligned, with the claim of each page. Claims are
 * thread-safe; pieces change only on the arming worker, before T0.
 */
final class Block {
    static final int PAGE_BYTES = StagingBlock.PAGE_BYTES;
    static final int PAGES = StagingBlock.PAGES;
    static final long BYTES = (long) PAGES * PAGE_BYTES;

    private static final VarHandle CLAIM = MethodHandles.arrayElementVarHandle(byte[].class);
    private static final VarHandle OWNER = owner();

    final long start;
    private final byte[] claims = new byte[PAGES];
    private volatile List<Piece> pieces = List.of();
    private volatile boolean huge;
    private volatile boolean warm;
    private volatile boolean hollow;
    private volatile @Nullable Thread owner;

    Block(long start) {
        this.start = start;
    }

    private static VarHandle owner() {
        try {
            return MethodHandles.lookup().findVarHandle(Block.class, "owner", Thread.class);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("the field above", e);
        }
    }

    /**
     * The claims of a huge page's parts change one by one, but it must be protected, copied and
     * released whole: waits until no other thread is at it, and keeps others away until {@link
     * #letGo}. Other blocks need no more than claims.
     *
     * @return whether it is to be let go by the caller
     */
    boolean seize() {
        Thread me = Thread.currentThread();
        if (!huge || me.equals(owner)) {
            return false;
        }
        while (!OWNER.compareAndSet(this, (Thread) null, me)) {
            Waiting.giveWay(); // for a copy of 2 MiB; whoever waits for staging meanwhile ends
            // when the capture does
        }
        return true;
    }

    /** What {@link #seize} answered. */
    void letGo(boolean seized) {
        if (seized) {
            owner = null;
        }
    }

    static long startOf(long address) {
        return address & -BYTES;
    }

    static int pageOf(long address) {
        return (int) ((address & (BYTES - 1)) / PAGE_BYTES);
    }

    /** The first page that lies in {@code range}, which touches this block. */
    int firstPage(AddressRange range) {
        return range.start() <= start ? 0 : pageOf(range.start());
    }

    /** The page behind the last that lies in {@code range}, which touches this block. */
    int endPage(AddressRange range) {
        return range.end() >= start + BYTES ? PAGES : pageOf(range.end());
    }

    long address(int page) {
        return start + (long) page * PAGE_BYTES;
    }

    /**
     * Whether a page of it may be hot, or was not seen protected. Spares the freeze the look at
     * every page.
     */
    boolean isWarm() {
        return warm;
    }

    /** To be called after a page became hot, or was not seen protected. */
    void warm() {
        warm = true;
    }

    /** To be called before its pages are protected and looked at. */
    void cool() {
        warm = false;
    }

    /** Whether a page of it may be a hole. Spares the freeze the look at every page. */
    boolean isHollow() {
        return hollow;
    }

    /** To be called after pages became holes. */
    void hollow() {
        hollow = true;
    }

    /**
     * Whether it is one huge page, which stays whole only if it is protected and unprotected whole.
     */
    boolean isHuge() {
        return huge;
    }

    void setHuge(boolean huge) {
        this.huge = huge;
    }

    /** Whether it is a page of the hugetlb pool, which the kernel never splits. */
    boolean isHugetlb() {
        List<Piece> now = pieces;
        return now.size() == 1 && now.getFirst().mapping().kind() == RegionKind.HUGETLB;
    }

    List<Piece> pieces() {
        return pieces;
    }

    /** Adds a piece in place of whatever overlaps it. */
    void add(Piece piece) {
        List<Piece> next = without(piece.firstPage(), piece.endPage());
        next.add(piece);
        next.sort((a, b) -> Integer.compare(a.firstPage(), b.firstPage()));
        pieces = List.copyOf(next);
    }

    /** Forgets what is mapped from page {@code first} to {@code end}. */
    void remove(int first, int end) {
        pieces = List.copyOf(without(first, end));
    }

    private List<Piece> without(int first, int end) {
        List<Piece> rest = new ArrayList<>();
        for (Piece p : pieces) {
            if (p.firstPage() < first) {
                rest.add(new Piece(p.firstPage(), Math.min(p.endPage(), first), p.mapping()));
            }
            if (p.endPage() > end) {
                rest.add(new Piece(Math.max(p.firstPage(), end), p.endPage(), p.mapping()));
            }
        }
        return rest;
    }

    /** The piece that page {@code page} is in. */
    Piece piece(int page) {
        for (Piece piece : pieces) {
            if (page >= piece.firstPage() && page < piece.endPage()) {
                return piece;
            }
        }
        throw new IllegalStateException("no mapping at %x".formatted(address(page)));
    }

    byte claim(int page) {
        return (byte) CLAIM.getVolatile(claims, page);
    }

    void set(int page, byte claim) {
        CLAIM.setVolatile(claims, page, claim);
    }

    /**
     * The look before is for those who go through all pages, of which few are moved: an exchange
     * that fails costs as much.
     */
    boolean move(int page, byte from, byte to) {
        return claim(page) == from && CLAIM.compareAndSet(claims, page, from, to);
    }

    /**
     * Moves pages from {@code first} on, as long as they are in {@code from}, before {@code limit};
     * the pages of a huge block move one by one, but nobody moves them in part.
     *
     * @return the page behind the last that was moved
     */
    int moveRun(int first, int limit, byte from, byte to) {
        int page = first;
        while (page < limit && move(page, from, to)) {
            page++;
        }
        return page;
    }

    /**
     * The page behind the run of pages in {@code claim} that begins at {@code first}, before {@code
     * limit}.
     */
    int runEnd(int first, int limit, byte claim) {
        int page = first;
        while (page < limit && claim(page) == claim) {
            page++;
        }
        return page;
    }

    void setRun(int first, int end, byte claim) {
        for (int page = first; page < end; page++) {
            set(page, claim);
        }
    }

    int count(byte claim) {
        int count = 0;
        for (int page = 0; page < PAGES; page++) {
            if (claim(page) == claim) {
                count++;
            }
        }
        return count;
    }
}
