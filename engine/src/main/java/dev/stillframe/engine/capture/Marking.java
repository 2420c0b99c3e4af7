package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.staging.PageLedger;
import dev.stillframe.engine.tracking.WriteMarks;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The marks of a target's memory, and what is known of its pages. Of a single snapshot it begins
 * with nothing and ends with that; where it {@linkplain #stays stays}, the next one goes on from
 * the image before. Owned by one thread at a time.
 */
final class Marking implements AutoCloseable {
    private final Target target;
    private final UnaryOperator<WriteMarks> seam;
    private final boolean stays;
    private final Clock clock;
    private Ordinals ordinals = new Ordinals();
    private RoundRelief relief;
    private @Nullable WriteMarks marks;
    private @Nullable MarkedMemory memory;

    /** What was in the image before. */
    private @Nullable PageLedger known;

    private List<MarkedMemory.Found> found = List.of();

    /** Nothing is marked yet; {@code seam} decorates the marks. */
    Marking(Target target, UnaryOperator<WriteMarks> seam, boolean stays, Clock clock) {
        this.target = target;
        this.seam = seam;
        this.stays = stays;
        this.clock = clock;
        this.relief = new RoundRelief(target);
    }

    /** Whether the marks are kept for another snapshot. */
    boolean stays() {
        return stays;
    }

    /** Whether there is an image before, from which the next one goes on. */
    boolean goesOn() {
        return known != null;
    }

    Ordinals ordinals() {
        return ordinals;
    }

    RoundRelief relief() {
        return relief;
    }

    /** Begins a snapshot; {@code flags} are the VmFlags by the start of a mapping. */
    MarkedMemory begin(Attachment attachment, Map<Long, Set<String>> flags, Probe probe)
            throws IOException {
        MarkedMemory marked = memory;
        if (marked != null) {
            marked.renew(flags);
            return marked;
        }
        WriteMarks marking = seam.apply(attachment.marks());
        marks = marking;
        probe.at("rounds: enable");
        marking.enable();
        marked = new MarkedMemory(target, marking, flags);
        memory = marked;
        return marked;
    }

    /**
     * T0 is over; {@code content} is what there was. Unless the marks stay, the target gets its
     * page tables back.
     */
    void end(List<MarkedMemory.Found> content) {
        found = content;
        if (!stays()) {
            giveBack();
        }
    }

    private void giveBack() {
        if (memory != null) {
            memory.giveBack(clock);
        }
        relief.makeWritable(found);
    }

    /**
     * The image is published. The pages of the next one have ordinals by address again, without
     * gaps where memory has gone.
     *
     * @param ledger of the image; owned by this from now on
     */
    void published(Layout layout, PageLedger ledger) {
        forget();
        if (!stays()) {
            ledger.close();
            relief.makeHuge();
            return;
        }
        Ordinals next = new Ordinals();
        PageLedger moved = new PageLedger(layout.pageCount());
        for (Region region : layout.regions()) {
            for (Extent extent : region.extents()) {
                long start = region.range().start() + extent.firstPage() * Block.PAGE_BYTES;
                long end = start + extent.pageCount() * Block.PAGE_BYTES;
                next.cover(start, end);
                moved.copy(ledger, extent.firstOrdinal(), extent.pageCount(), next.of(start));
                next.storeAs(ordinals, start, end);
            }
        }
        ledger.close();
        ordinals = next;
        known = moved;
    }

    /** What is known of the image before; there has to be one. */
    PageLedger known() {
        PageLedger ledger = known;
        if (ledger == null) {
            throw new IllegalStateException("there is no image before this one");
        }
        return ledger;
    }

    private void forget() {
        if (known != null) {
            known.close();
            known = null;
        }
    }

    /** Ends the watch: nothing of it is left in the target. */
    void release() {
        giveBack();
        relief.makeHuge();
        close();
    }

    /** Takes all marks away at once; it may be begun anew. Idempotent. */
    @Override
    public void close() {
        Undo.all(
                null,
                marks == null ? Undo.NOTHING : marks::close,
                memory == null ? Undo.NOTHING : memory::close,
                this::forget);
        marks = null;
        memory = null;
        found = List.of();
        ordinals = new Ordinals();
        relief = new RoundRelief(target);
    }
}
