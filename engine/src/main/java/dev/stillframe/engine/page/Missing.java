package dev.stillframe.engine.page;

import dev.stillframe.engine.memory.AddressRange;

/**
 * Memory that belongs to the instant but is not in the image, and why. Immutable.
 *
 * @param range the addresses that are missing
 * @param reason a sentence for a person, without a full stop
 */
public record Missing(AddressRange range, String reason) {}
