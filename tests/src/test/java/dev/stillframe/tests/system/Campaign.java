package dev.stillframe.tests.system;

/** How often the repeated tests repeat: a little in every build, much in a campaign. Stateless. */
public final class Campaign {
    private static final boolean ON = Boolean.getBoolean("stillframe.campaign");

    private Campaign() {}

    /** Whether this is one. */
    public static boolean isOn() {
        return ON;
    }

    /** How many turns: {@code normal} ones, or those of a campaign. */
    public static int turns(int normal, int campaign) {
        return ON ? campaign : normal;
    }
}
