import java.net.URI;
import java.net.http.*;
import java.time.Duration;
import java.util.Map;

/** Java's own client: `java JavaNet BASE CERTIFICATE`. */
class JavaNet extends Client {
    private final HttpClient client;

    JavaNet(String certificate) throws Exception {
        client = HttpClient.newBuilder().sslContext(context(trust(certificate))).build();
    }

    @Override
    Answer call(String method, String url, Map<String, String> headers, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
        headers.forEach(request::header);
        if (body.isEmpty()) request.method(method, HttpRequest.BodyPublishers.noBody());
        else request.header("Content-Type", "application/json")
                .method(method, HttpRequest.BodyPublishers.ofString(body));
        var answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        var protocol = answer.version() == HttpClient.Version.HTTP_2 ? "HTTP/2" : "HTTP/1.1";
        return new Answer(protocol, answer.statusCode(), answer.headers().map(), answer.body());
    }

    public static void main(String[] given) throws Exception {
        new JavaNet(given[1]).run(given[0]);
    }
}
