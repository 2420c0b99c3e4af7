package dev.stillframe.engine.capture;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.staging.Drain;
import dev.stillframe.engine.staging.Places;
import java.io.IOException;
import java.util.List;

/**
 * After the sweep: says of every page of the layout that was not copied what it was: zero, or lost.
 * Silence about a page would be a bug, and is one here.
 */
final class Accounting {
    private static final String LOST_REASON =
            "discarded, unmapped or moved by the target after T0, before it was copied";

    private final BlockTable table;
    private final Registration registration;
    private final Places places;
    private final Drain drain;

    Accounting(BlockTable table, Registration registration, Places places, Drain drain) {
        this.table = table;
        this.registration = registration;
        this.places = places;
        this.drain = drain;
    }

    /** Sends what is left to say and adds what was lost to {@code missing}. */
    void settle(List<Missing> missing) throws IOException {
        for (int extent = 0; extent < places.count(); extent++) {
            settle(extent, missing);
        }
        drain.endEmpty();
    }

    private void settle(int extent, List<Missing> missing) throws IOException {
        long at = places.start(extent);
        while (at < places.end(extent)) {
            PageKind kind = kind(at);
            long end = behind(at);
            while (end < places.end(extent) && kind(end) == kind) {
                end = behind(end);
            }
            end = Math.min(end, places.end(extent));
            if (kind != PageKind.DATA) {
                drain.sendEmpty(kind, places.ordinal(extent, at), (end - at) / Block.PAGE_BYTES);
            }
            if (kind == PageKind.LOST) {
                missing.add(new Missing(new AddressRange(at, end), LOST_REASON));
            }
            at = end;
        }
    }

    /** Where there is no block, all of what could be one is alike. */
    private long behind(long address) {
        return table.find(address) == null
                ? Block.startOf(address) + Block.BYTES
                : address + Block.PAGE_BYTES;
    }

    /** DATA: it was copied, and the drain has said what it holds. */
    private PageKind kind(long address) {
        Block block = table.find(address);
        if (block == null || !hasPiece(block, Block.pageOf(address))) {
            // Outside of what is tracked it was copied in the freeze; the rest was seen to be empty
            // there.
            return registration.isTracked(address) ? PageKind.ZERO : PageKind.DATA;
        }
        byte claim = block.claim(Block.pageOf(address));
        return switch (claim) {
            case Claim.DONE -> PageKind.DATA;
            case Claim.ZERO -> PageKind.ZERO;
            case Claim.LOST -> PageKind.LOST;
            default ->
                    throw new IllegalStateException(
                            "page %x was left in state %d"
                                    .formatted(address, claim)); // UNSEEN, too
        };
    }

    private static boolean hasPiece(Block block, int page) {
        for (Piece piece : block.pieces()) {
            if (page >= piece.firstPage() && page < piece.endPage()) {
                return true;
            }
        }
        return false;
    }
}
