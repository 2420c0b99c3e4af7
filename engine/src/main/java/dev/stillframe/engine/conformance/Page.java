package dev.stillframe.engine.conformance;

/**
 * A page as the page table shows it. Immutable.
 *
 * @param bits five letters, {@code PSFWX}: present, swapped or marker, file or shared,
 *     write-protected, mapped once; a dash for each that is not set
 * @param frame number of its frame if present and if it may be known, else 0
 */
public record Page(String bits, long frame) {
    /** Whether userfaultfd write-protection is on. */
    public boolean isProtected() {
        return bits.charAt(3) == 'W';
    }

    /** Whether it is in memory. */
    public boolean isPresent() {
        return bits.charAt(0) == 'P';
    }
}
