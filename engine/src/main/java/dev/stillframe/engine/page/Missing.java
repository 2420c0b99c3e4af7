package dev.stillframe.engine.page;

import dev.stillframe.engine.memory.AddressRange;
import java.util.Objects;

/**
 * Memory that belongs to the instant but is not in the image, and why. Immutable.
 *
 * @param range the addresses that are missing
 * @param reason a sentence for a person, without a full stop
 */
public record Missing(AddressRange range, String reason) {
    /** JSON from elsewhere may say null. */
    public Missing {
        Objects.requireNonNull(range, "range");
        Objects.requireNonNull(reason, "reason");
    }
}
