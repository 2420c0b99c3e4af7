package dev.stillframe.engine.linux;

/** Which kernel this is, where no call tells what it can do. Stateless. */
public final class KernelVersion {
    private KernelVersion() {}

    /** Whether the kernel is {@code major.minor} or newer. */
    public static boolean isAtLeast(int major, int minor) {
        return isAtLeast(System.getProperty("os.version"), major, minor);
    }

    static boolean isAtLeast(String version, int major, int minor) {
        String[] numbers = version.split("[^0-9]+", 3);
        int first = Integer.parseInt(numbers[0]);
        return first > major
                || (first == major && numbers.length > 1 && Integer.parseInt(numbers[1]) >= minor);
    }
}
