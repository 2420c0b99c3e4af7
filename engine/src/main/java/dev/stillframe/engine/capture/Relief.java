package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Target;
import java.util.List;

/**
 * Maps the pages of shared memory that were copied for writing again, after the release. The kernel
 * leaves shared memory read-only when protection ends (it does better for private memory), and
 * repairs that with a fault at the next write to each page: for a target that writes everywhere,
 * half of its speed for as long as that takes.
 */
final class Relief {
    private final Target target;
    private final List<Block> blocks;

    Relief(Target target, List<Block> blocks) {
        this.target = target;
        this.blocks = blocks;
    }

    /** Half a microsecond a page. */
    void run() {
        for (Block block : blocks) {
            if (!block.isHuge()) { // never taken apart, so there are few
                relieve(block);
            }
        }
    }

    private void relieve(Block block) {
        for (Piece piece : block.pieces()) {
            int page =
                    piece.mapping().kind() == RegionKind.SHARED
                            ? piece.firstPage()
                            : piece.endPage();
            while (page < piece.endPage()) {
                int end = block.runEnd(page, piece.endPage(), Claim.DONE);
                if (end > page) {
                    target.makeWritable(
                            block.address(page), (long) (end - page) * Block.PAGE_BYTES);
                }
                page = end + 1;
            }
        }
    }
}
